// SPDX-License-Identifier: Apache-2.0
#pragma once
// The header fields by which clients learn how much of a limit is left.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/api/api_error.h"

namespace paddock::server {

struct LimitState {
  int64_t limit = 0;
  int64_t remaining = 0;
  int64_t reset_milliseconds = 0;  // until all of it is there again
};

// Limits that a key does not have are missing.
struct RateLimitState {
  std::optional<LimitState> requests;
  std::optional<LimitState> tokens;
};

// x-ratelimit-limit-requests, … of OpenAI; anthropic-ratelimit-requests-limit, … of Anthropic. `now`: seconds of Unix
// time.
std::vector<std::pair<std::string, std::string>> rate_limit_headers(const RateLimitState& state, Dialect dialect,
                                                                    int64_t now);

}  // namespace paddock::server
