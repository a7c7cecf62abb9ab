// SPDX-License-Identifier: Apache-2.0
#pragma once
// Limits as header fields of answers, as the hosted services send them.
//
// OpenAI: x-ratelimit-{limit,remaining}-{requests,tokens} are counts, x-ratelimit-reset-* durations as "1s", "6m0s" or
// "120ms". Anthropic: anthropic-ratelimit-{requests,tokens}-{limit,remaining} are counts, -reset moments by RFC 3339.
// Both: retry-after in whole seconds and retry-after-ms; x-should-retry: false where waiting does not help, which their
// clients obey.

#include <cstdint>
#include <string>

#include "server/auth/account.h"
#include "server/auth/refusal.h"

namespace paddock::server::auth {

enum class Dialect { kOpenAi, kAnthropic };

// For an answer of any status; empty for a key without limits.
HeaderFields rate_limit_fields(Dialect dialect, const LimitState& state, int64_t utc_now_ns);

// For a refusal of status 429 or 503; empty for others.
HeaderFields retry_fields(const Refusal& refusal);

// "1h2m3s", "1.5s", "120ms", "0s".
std::string short_duration(int64_t ms);

}  // namespace paddock::server::auth
