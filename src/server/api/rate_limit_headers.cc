// SPDX-License-Identifier: Apache-2.0
#include "server/api/rate_limit_headers.h"

#include <algorithm>

#include "server/api/timestamps.h"

namespace paddock::server {

std::vector<std::pair<std::string, std::string>> rate_limit_headers(const RateLimitState& state, Dialect dialect,
                                                                    int64_t now) {
  std::vector<std::pair<std::string, std::string>> headers;
  const auto add = [&](const char* what, const std::optional<LimitState>& limit) {
    if (!limit) return;
    const std::string remaining = std::to_string(std::max<int64_t>(limit->remaining, 0));
    if (dialect == Dialect::kOpenAi) {
      headers.emplace_back(fmt::format("x-ratelimit-limit-{}", what), std::to_string(limit->limit));
      headers.emplace_back(fmt::format("x-ratelimit-remaining-{}", what), remaining);
      headers.emplace_back(fmt::format("x-ratelimit-reset-{}", what), duration_text(limit->reset_milliseconds));
      return;
    }
    headers.emplace_back(fmt::format("anthropic-ratelimit-{}-limit", what), std::to_string(limit->limit));
    headers.emplace_back(fmt::format("anthropic-ratelimit-{}-remaining", what), remaining);
    headers.emplace_back(fmt::format("anthropic-ratelimit-{}-reset", what),
                         rfc3339(now + (limit->reset_milliseconds + 999) / 1000));
  };
  add("requests", state.requests);
  add("tokens", state.tokens);
  return headers;
}

}  // namespace paddock::server
