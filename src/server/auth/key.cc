// SPDX-License-Identifier: Apache-2.0
#include "server/auth/key.h"

#include <algorithm>

namespace paddock::server::auth {
namespace {

constexpr std::pair<Scope, std::string_view> kScopeNames[] = {
    {Scope::kInference, "inference"}, {Scope::kReadOnly, "read-only"}, {Scope::kAdmin, "admin"}};

bool matches(std::string_view pattern, std::string_view text) {
  if (!pattern.ends_with('*')) return pattern == text;
  return text.starts_with(pattern.substr(0, pattern.size() - 1));
}

}  // namespace

std::string_view name_of(Scope scope) {
  return std::ranges::find(kScopeNames, scope, [](const auto& each) { return each.first; })->second;
}

std::optional<Scope> scope_named(std::string_view name) {
  const auto* found = std::ranges::find(kScopeNames, name, [](const auto& each) { return each.second; });
  return found == std::end(kScopeNames) ? std::nullopt : std::optional(found->first);
}

bool Key::has(Scope scope) const { return std::ranges::find(scopes, scope) != scopes.end(); }

std::string_view state_of(const Key& key, int64_t now_ns) {
  return key.revoked_ns ? "revoked" : key.is_expired(now_ns) ? "expired" : "active";
}

bool matches_any(const std::vector<std::string>& patterns, std::string_view text) {
  return patterns.empty() ||
         std::ranges::any_of(patterns, [&](const std::string& pattern) { return matches(pattern, text); });
}

}  // namespace paddock::server::auth
