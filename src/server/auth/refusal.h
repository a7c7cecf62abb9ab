// SPDX-License-Identifier: Apache-2.0
#pragma once
// Why a request may not go on: for the log by its reason, for the client by status, sentence and header fields.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace paddock::server::auth {

enum class Reason {
  // 401. The first four get the same answer, so that nobody learns which keys exist.
  kMalformed,  // also: none was presented
  kMistyped,
  kUnknown,
  kRevoked,
  kExpired,
  // 403
  kScope,
  kRoute,
  kModel,
  // 429
  kRequestsPerMinute,
  kTokensPerMinute,
  kTokensPerDay,
  kConcurrentRequests,
  kBudget,
  kTooLarge,  // more tokens than a limit allows at any time
  // 503
  kStore,  // the key database cannot be written
};

// "tokens_per_minute": for logs and metrics.
std::string_view name_of(Reason reason);

using HeaderFields = std::vector<std::pair<std::string, std::string>>;  // names in lower case

struct Refusal {
  Reason reason = Reason::kMalformed;
  int status = 401;                       // of HTTP
  std::string message;                    // for the client: a sentence
  std::optional<int64_t> retry_after_ms;  // missing: waiting does not help
};

}  // namespace paddock::server::auth
