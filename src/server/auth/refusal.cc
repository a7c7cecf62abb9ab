// SPDX-License-Identifier: Apache-2.0
#include "server/auth/refusal.h"

namespace paddock::server::auth {

std::string_view name_of(Reason reason) {
  switch (reason) {
    case Reason::kMalformed: return "malformed_key";
    case Reason::kMistyped: return "mistyped_key";
    case Reason::kUnknown: return "unknown_key";
    case Reason::kRevoked: return "revoked_key";
    case Reason::kExpired: return "expired_key";
    case Reason::kScope: return "scope";
    case Reason::kRoute: return "route";
    case Reason::kModel: return "model";
    case Reason::kRequestsPerMinute: return "requests_per_minute";
    case Reason::kTokensPerMinute: return "tokens_per_minute";
    case Reason::kTokensPerDay: return "tokens_per_day";
    case Reason::kConcurrentRequests: return "concurrent_requests";
    case Reason::kBudget: return "budget";
    case Reason::kTooLarge: return "too_large";
    case Reason::kStore: return "key_store";
  }
  return "";
}

}  // namespace paddock::server::auth
