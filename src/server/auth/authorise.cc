// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include "server/auth/key_store.h"

namespace paddock::server::auth {
namespace {

bool satisfies(const Key& key, Need need) {
  switch (need) {
    case Need::kNothing:
    case Need::kAnyKey: return true;
    case Need::kReadOnly: return key.has(Scope::kReadOnly) || key.has(Scope::kAdmin);
    case Need::kInference: return key.has(Scope::kInference) || key.has(Scope::kAdmin);
    case Need::kAdmin: return key.has(Scope::kAdmin);
  }
  return false;
}

const char* scope_for(Need need) {
  switch (need) {
    case Need::kReadOnly: return "read-only";
    case Need::kInference: return "inference";
    default: return "admin";
  }
}

tl::unexpected<Refusal> forbidden(Reason reason, std::string message) {
  return tl::unexpected(Refusal{reason, 403, std::move(message), std::nullopt});
}

}  // namespace

tl::expected<void, Refusal> authorise(const Principal& principal, Need need, std::string_view route,
                                      std::string_view model) {
  if (principal.is_anonymous() || need == Need::kNothing) return {};
  const Key& key = *principal.key();
  if (!satisfies(key, need))
    return forbidden(Reason::kScope,
                     fmt::format("This key lacks the scope \"{}\", which {} needs.", scope_for(need), route));
  if (!matches_any(key.routes, route)) return forbidden(Reason::kRoute, fmt::format("This key may not use {}.", route));
  if (!model.empty() && !matches_any(key.models, model))
    return forbidden(Reason::kModel, "This key may not use the model that the request names.");
  return {};
}

}  // namespace paddock::server::auth
