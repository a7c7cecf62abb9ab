// SPDX-License-Identifier: Apache-2.0
#pragma once
// What is known of a key, without its secret.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"

namespace paddock::server::auth {

enum class Scope {
  kInference,  // routes that compute
  kReadOnly,   // routes that tell of the server: metrics, status, usage of all keys
  kAdmin,      // every route
};

// "inference", "read-only", "admin".
std::string_view name_of(Scope scope);
std::optional<Scope> scope_named(std::string_view name);

// Missing: no limit.
struct Limits {
  std::optional<int64_t> requests_per_minute;
  std::optional<int64_t> tokens_per_minute;  // prompt and output
  std::optional<int64_t> tokens_per_day;     // of UTC
  std::optional<int64_t> concurrent_requests;
  std::optional<int64_t> budget_micros;  // money since the key was made

  bool any() const {
    return requests_per_minute || tokens_per_minute || tokens_per_day || concurrent_requests || budget_micros;
  }
};

// Of the pictures of one request, where they are to be narrower than the server's. Missing: the server's.
struct PictureLimits {
  std::optional<int64_t> images;
  std::optional<int64_t> bytes;   // of each file
  std::optional<int64_t> pixels;  // of each
  std::optional<int64_t> tiles;   // of all
};

// Moments are nanoseconds since 1970 in UTC.
struct Key {
  std::string id;
  std::string name;  // no two keys in force have the same
  std::vector<Scope> scopes;
  std::vector<std::string> models;  // names or beginnings as "scout-*"; none: all
  std::vector<std::string> routes;  // paths or beginnings as "/v1/chat/*"; none: all
  Limits limits;
  PictureLimits pictures;
  int64_t created_ns = 0;
  std::optional<int64_t> expires_ns;
  std::optional<int64_t> revoked_ns;
  std::optional<int64_t> rotated_ns;
  Digest hash{};
  std::optional<Digest> old_hash;  // of the secret before, which is good until the moment
  int64_t old_until_ns = 0;

  bool has(Scope scope) const;
  bool is_expired(int64_t now_ns) const { return expires_ns && now_ns >= *expires_ns; }
};

// "revoked", "expired" or "active".
std::string_view state_of(const Key& key, int64_t now_ns);

// Whether one of the patterns is the text, or ends in * and begins it. No pattern at all matches everything.
bool matches_any(const std::vector<std::string>& patterns, std::string_view text);

}  // namespace paddock::server::auth
