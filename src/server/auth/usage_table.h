// SPDX-License-Identifier: Apache-2.0
#pragma once
// The bill: what each key has used of each model on each day of UTC, at the prices of that time.

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "server/auth/database.h"
#include "server/auth/money.h"

namespace paddock::server::auth {

// What a row counts; several days, keys or models are one row when they are left empty.
struct UsageOf {
  std::string day;     // "2026-11-23"
  std::string key_id;  // empty in the table itself: requests without a key
  std::string model;

  auto operator<=>(const UsageOf&) const = default;
};

struct UsageSum {
  int64_t requests = 0;
  Usage usage;
  Money cost;

  UsageSum& operator+=(const UsageSum& other);
};

struct UsageRow {
  UsageOf of;
  UsageSum sum;
};

struct UsageWish {
  std::optional<std::string> key_id;  // of this one alone
  std::string from, to;               // days, both included; empty: no bound
};

// Adds to a row, within a transaction of the caller.
Result<void> add_usage(Database* database, const UsageOf& of, const UsageSum& sum);

// By day, key and model. A sum that 64 bits do not hold stays at their greatest number.
Result<std::vector<UsageRow>> read_usage(Database* database, const UsageWish& wish);

}  // namespace paddock::server::auth
