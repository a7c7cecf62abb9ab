// SPDX-License-Identifier: Apache-2.0
#pragma once
// The keys in their database. Every change is one transaction, and is seen by a running server within a second.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "server/auth/api_key.h"
#include "server/auth/database.h"
#include "server/auth/key.h"

namespace paddock::server::auth {

Result<std::vector<Key>> all_keys(Database* database);  // by the moment they were made

// By id, else by the name of a key in force, else by the name of exactly one that is revoked.
Result<Key> find_key(Database* database, std::string_view id_or_name);

// Gives the key an id and a secret. `key` says everything else; a name that is in use or not printable, no scope, an
// unknown limit below 0 are errors.
Result<NewSecret> create_key(Database* database, Key key, int64_t now_ns);

// From now on nothing is allowed with it. A key stays in the table for the bill and the audit trail.
Result<Key> revoke_key(Database* database, std::string_view id_or_name, int64_t now_ns);

// Another secret for the same key. The old one stays good for `overlap_ns` more.
Result<NewSecret> rotate_key(Database* database, std::string_view id_or_name, int64_t now_ns, int64_t overlap_ns);

// Writes what of `key` can be changed: name, scopes, models, routes, limits, those of pictures too, expiry.
Result<void> change_key(Database* database, const Key& key);

}  // namespace paddock::server::auth
