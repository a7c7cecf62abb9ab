// SPDX-License-Identifier: Apache-2.0
#pragma once
// The tables of the key database and their version.

#include "base/result.h"

namespace paddock::server::auth {

class Database;

// Makes the tables in a new file and brings an older version to this one. Refuses another program's file and a newer
// version.
Result<void> update_schema(Database* database);

}  // namespace paddock::server::auth
