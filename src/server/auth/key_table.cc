// SPDX-License-Identifier: Apache-2.0
#include "server/auth/key_table.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/json.h"
#include "base/utf8.h"

namespace paddock::server::auth {
namespace {

constexpr size_t kLongestName = 100;  // bytes

#define PADDOCK_KEY_COLUMNS                                                                           \
  "id, name, hash, old_hash, old_until, scopes, models, routes, created, expires, revoked, rotated, " \
  "requests_per_minute, tokens_per_minute, tokens_per_day, concurrent_requests, budget_micros, "      \
  "images, image_bytes, image_pixels, image_tiles"

std::string_view bytes_of(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

std::optional<Digest> digest_of(const std::string& bytes) {
  Digest digest;
  if (bytes.size() != digest.size()) return std::nullopt;
  std::memcpy(digest.data(), bytes.data(), bytes.size());
  return digest;
}

std::string list_text(const std::vector<std::string>& items) {
  return Json(items).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string scopes_text(const std::vector<Scope>& scopes) {
  std::vector<std::string> names;
  for (const Scope scope : scopes) names.emplace_back(name_of(scope));
  return list_text(names);
}

Result<std::vector<std::string>> parse_list(const std::string& text, const std::string& source) {
  const Json list = TRY(parse_json(text, source));
  std::vector<std::string> items;
  if (!list.is_array()) return error(ErrorCode::kBadFile, "{}: expected an array of strings in a key", source);
  for (const Json& item : list) {
    if (!item.is_string()) return error(ErrorCode::kBadFile, "{}: expected an array of strings in a key", source);
    items.push_back(item.get<std::string>());
  }
  return items;
}

Result<Key> read_key(const Statement& row, const std::string& source) {
  Key key;
  key.id = row.text(0);
  key.name = row.text(1);
  const auto hash = digest_of(row.text(2));
  if (!hash) return error(ErrorCode::kBadFile, "{}: key {}: expected a hash of 32 bytes", source, key.id);
  key.hash = *hash;
  key.old_hash = digest_of(row.text(3));
  key.old_until_ns = row.integer(4);
  for (const std::string& name : TRY(parse_list(row.text(5), source))) {
    const auto scope = scope_named(name);
    if (!scope) return error(ErrorCode::kBadFile, "{}: key {}: unknown scope {}", source, key.id, name);
    key.scopes.push_back(*scope);
  }
  key.models = TRY(parse_list(row.text(6), source));
  key.routes = TRY(parse_list(row.text(7), source));
  key.created_ns = row.integer(8);
  key.expires_ns = row.maybe_integer(9);
  key.revoked_ns = row.maybe_integer(10);
  key.rotated_ns = row.maybe_integer(11);
  key.limits = {row.maybe_integer(12), row.maybe_integer(13), row.maybe_integer(14), row.maybe_integer(15),
                row.maybe_integer(16)};
  key.pictures = {row.maybe_integer(17), row.maybe_integer(18), row.maybe_integer(19), row.maybe_integer(20)};
  return key;
}

Result<std::vector<Key>> read_keys(Statement rows, const std::string& source) {
  std::vector<Key> keys;
  while (TRY(rows.row())) keys.push_back(TRY(read_key(rows, source)));
  return keys;
}

Result<void> raise_generation(Database* database) { return database->run("UPDATE generation SET number = number + 1"); }

Result<void> check_name(const std::string& name) {
  const bool is_printable = is_valid_utf8(name) && std::ranges::none_of(name, [](char c) {
                              return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
                            });
  if (name.empty() || name.size() > kLongestName || !is_printable || name.front() == '-')
    return error(ErrorCode::kInvalidArgument,
                 "name of a key: expected 1 to {} bytes of printable text that do not begin with a hyphen",
                 kLongestName);
  return {};
}

Result<void> check_key(Database* database, const Key& key) {
  TRY_VOID(check_name(key.name));
  if (key.scopes.empty()) return error(ErrorCode::kInvalidArgument, "key {}: expected at least one scope", key.name);
  const Limits& limits = key.limits;
  const PictureLimits& pictures = key.pictures;
  for (const auto& limit :
       {limits.requests_per_minute, limits.tokens_per_minute, limits.tokens_per_day, limits.concurrent_requests,
        limits.budget_micros, pictures.images, pictures.bytes, pictures.pixels, pictures.tiles})
    if (limit && *limit < 0)
      return error(ErrorCode::kInvalidArgument, "key {}: expected limits of 0 or more, found {}", key.name, *limit);
  if (key.revoked_ns) return {};
  Statement others = TRY(database->prepare("SELECT id FROM key WHERE name = ? AND revoked IS NULL AND id <> ?"));
  if (TRY(others.bind(key.name, key.id).row()))
    return error(ErrorCode::kInvalidArgument,
                 "key {}: another key in force has this name, {}; revoke it or choose another", key.name,
                 others.text(0));
  return {};
}

}  // namespace

Result<std::vector<Key>> all_keys(Database* database) {
  Statement rows = TRY(database->prepare("SELECT " PADDOCK_KEY_COLUMNS " FROM key ORDER BY created, id"));
  return read_keys(std::move(rows), database->path());
}

Result<Key> find_key(Database* database, std::string_view id_or_name) {
  Statement rows =
      TRY(database->prepare("SELECT " PADDOCK_KEY_COLUMNS
                            " FROM key WHERE id = ?1 OR name = ?1 ORDER BY id = ?1 DESC, revoked IS NULL DESC"));
  rows.bind(id_or_name);
  const std::vector<Key> keys = TRY(read_keys(std::move(rows), database->path()));
  if (keys.empty())
    return error(ErrorCode::kNotFound, "{}: no key has the id or name \"{}\"; see paddock keys list", database->path(),
                 redact_api_keys(id_or_name));
  const bool is_clear = keys.size() == 1 || keys[0].id == id_or_name || !keys[0].revoked_ns;
  if (!is_clear)
    return error(ErrorCode::kInvalidArgument, "{}: {} revoked keys have the name \"{}\"; give an id", database->path(),
                 keys.size(), id_or_name);
  return keys.front();
}

Result<NewSecret> create_key(Database* database, Key key, int64_t now_ns) {
  NewSecret secret = TRY(new_secret());
  key.id = secret.id;
  key.revoked_ns.reset();
  Transaction transaction = TRY(Transaction::begin(database));
  TRY_VOID(check_key(database, key));
  const Limits& limits = key.limits;
  const PictureLimits& pictures = key.pictures;
  TRY_VOID(database->run("INSERT INTO key (" PADDOCK_KEY_COLUMNS
                         ") VALUES (?, ?, CAST(? AS BLOB), NULL, 0, ?, ?, ?, ?, ?, NULL, NULL, ?, ?, ?, ?, ?, ?, ?, ?, "
                         "?)",
                         key.id, key.name, bytes_of(secret.hash), scopes_text(key.scopes), list_text(key.models),
                         list_text(key.routes), now_ns, key.expires_ns, limits.requests_per_minute,
                         limits.tokens_per_minute, limits.tokens_per_day, limits.concurrent_requests,
                         limits.budget_micros, pictures.images, pictures.bytes, pictures.pixels, pictures.tiles));
  TRY_VOID(raise_generation(database));
  TRY_VOID(transaction.commit());
  return secret;
}

Result<Key> revoke_key(Database* database, std::string_view id_or_name, int64_t now_ns) {
  Transaction transaction = TRY(Transaction::begin(database));
  Key key = TRY(find_key(database, id_or_name));
  if (key.revoked_ns) return error(ErrorCode::kInvalidArgument, "key {} ({}) is revoked already", key.name, key.id);
  key.revoked_ns = now_ns;
  TRY_VOID(database->run("UPDATE key SET revoked = ? WHERE id = ?", now_ns, key.id));
  TRY_VOID(raise_generation(database));
  TRY_VOID(transaction.commit());
  return key;
}

Result<NewSecret> rotate_key(Database* database, std::string_view id_or_name, int64_t now_ns, int64_t overlap_ns) {
  Transaction transaction = TRY(Transaction::begin(database));
  const Key key = TRY(find_key(database, id_or_name));
  if (key.revoked_ns)
    return error(ErrorCode::kInvalidArgument, "key {} ({}) is revoked; make another with paddock keys create", key.name,
                 key.id);
  NewSecret secret = TRY(new_secret(key.id));
  TRY_VOID(
      database->run("UPDATE key SET old_hash = hash, old_until = ?, hash = CAST(? AS BLOB), rotated = ? WHERE id = ?",
                    now_ns + overlap_ns, bytes_of(secret.hash), now_ns, key.id));
  TRY_VOID(raise_generation(database));
  TRY_VOID(transaction.commit());
  return secret;
}

Result<void> change_key(Database* database, const Key& key) {
  Transaction transaction = TRY(Transaction::begin(database));
  TRY_VOID(check_key(database, key));
  const Limits& limits = key.limits;
  const PictureLimits& pictures = key.pictures;
  TRY_VOID(database->run(
      "UPDATE key SET name = ?, scopes = ?, models = ?, routes = ?, expires = ?, "
      "requests_per_minute = ?, tokens_per_minute = ?, tokens_per_day = ?, concurrent_requests = ?, "
      "budget_micros = ?, images = ?, image_bytes = ?, image_pixels = ?, image_tiles = ? WHERE id = ?",
      key.name, scopes_text(key.scopes), list_text(key.models), list_text(key.routes), key.expires_ns,
      limits.requests_per_minute, limits.tokens_per_minute, limits.tokens_per_day, limits.concurrent_requests,
      limits.budget_micros, pictures.images, pictures.bytes, pictures.pixels, pictures.tiles, key.id));
  TRY_VOID(raise_generation(database));
  return transaction.commit();
}

}  // namespace paddock::server::auth
