// SPDX-License-Identifier: Apache-2.0
#include "server/auth/schema.h"

#include "server/auth/database.h"

namespace paddock::server::auth {
namespace {

constexpr int64_t kApplication = 0x50444B31;  // "PDK1", which `file` shows too
constexpr int64_t kVersion = 2;

// Moments are nanoseconds since 1970, lists JSON arrays, money micro-units and a rest of pico-units.
constexpr const char* kVersion1[] = {
    R"(CREATE TABLE key (
         id TEXT PRIMARY KEY,
         name TEXT NOT NULL,
         hash BLOB NOT NULL,
         old_hash BLOB, old_until INTEGER NOT NULL DEFAULT 0,
         scopes TEXT NOT NULL, models TEXT NOT NULL, routes TEXT NOT NULL,
         created INTEGER NOT NULL, expires INTEGER, revoked INTEGER, rotated INTEGER,
         requests_per_minute INTEGER, tokens_per_minute INTEGER, tokens_per_day INTEGER,
         concurrent_requests INTEGER, budget_micros INTEGER
       ) STRICT)",
    "CREATE UNIQUE INDEX key_in_force ON key (name) WHERE revoked IS NULL",
    R"(CREATE TABLE price (
         model TEXT PRIMARY KEY,
         prompt INTEGER NOT NULL, cached INTEGER NOT NULL, output INTEGER NOT NULL
       ) STRICT)",
    // What a key has used of its limits; `minute` is what MinuteWindow writes.
    R"(CREATE TABLE account (
         key_id TEXT PRIMARY KEY REFERENCES key (id),
         minute BLOB NOT NULL,
         day_end INTEGER NOT NULL, day_tokens INTEGER NOT NULL,
         spent_micros INTEGER NOT NULL, spent_picos INTEGER NOT NULL
       ) STRICT)",
    // The bill. Requests without a key, which a server for its own machine may allow, have the key_id ''.
    R"(CREATE TABLE usage (
         day TEXT NOT NULL, key_id TEXT NOT NULL, model TEXT NOT NULL,
         requests INTEGER NOT NULL, prompt_tokens INTEGER NOT NULL, cached_tokens INTEGER NOT NULL,
         output_tokens INTEGER NOT NULL, cost_micros INTEGER NOT NULL, cost_picos INTEGER NOT NULL,
         PRIMARY KEY (day, key_id, model)
       ) STRICT, WITHOUT ROWID)",
    // Rises with every change of keys and prices: a server reads them again when it has.
    "CREATE TABLE generation (number INTEGER NOT NULL) STRICT",
    "INSERT INTO generation VALUES (0)",
    "PRAGMA application_id = 0x50444B31",
    "PRAGMA user_version = 1",
};

// Pictures of a request.
constexpr const char* kVersion2[] = {
    "ALTER TABLE key ADD COLUMN images INTEGER",
    "ALTER TABLE key ADD COLUMN image_bytes INTEGER",
    "ALTER TABLE key ADD COLUMN image_pixels INTEGER",
    "ALTER TABLE key ADD COLUMN image_tiles INTEGER",
    "PRAGMA user_version = 2",
};

}  // namespace

Result<void> update_schema(Database* database) {
  constexpr const char* kReadVersion = "PRAGMA user_version";
  if (TRY(database->number(kReadVersion)) == kVersion && TRY(database->number("PRAGMA application_id")) == kApplication)
    return {};
  Transaction transaction = TRY(Transaction::begin(database));
  const int64_t version = TRY(database->number(kReadVersion));  // another process may have been quicker
  const bool is_ours = TRY(database->number("PRAGMA application_id")) == kApplication;
  const bool is_empty = TRY(database->number("SELECT count(*) FROM sqlite_schema")) == 0;
  if (!is_ours && !is_empty)
    return error(ErrorCode::kBadFile, "{}: expected a key database, found one of another program; name another file",
                 database->path());
  if (version > kVersion)
    return error(ErrorCode::kUnsupported,
                 "{}: expected a key database of version {} or older, found version {}; use a newer paddock",
                 database->path(), kVersion, version);
  if (is_empty)
    for (const char* statement : kVersion1) TRY_VOID(database->run(statement));
  if (is_empty || version < 2)
    for (const char* statement : kVersion2) TRY_VOID(database->run(statement));
  return transaction.commit();
}

}  // namespace paddock::server::auth
