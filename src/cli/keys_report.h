// SPDX-License-Identifier: Apache-2.0
#pragma once
// Keys, prices and usage for people and for programs. Money is decimal text in both, because it is exact.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "server/auth/key.h"
#include "server/auth/price_table.h"
#include "server/auth/usage_table.h"

namespace paddock::cli {

// Columns as wide as their widest text, two spaces between; the first row is the head. Rows have one size.
std::string table_text(const std::vector<std::vector<std::string>>& rows);

std::string keys_text(const std::vector<server::auth::Key>& keys, int64_t now_ns);
std::string key_text(const server::auth::Key& key, const server::auth::UsageSum& used, int64_t now_ns);
Json key_json(const server::auth::Key& key, int64_t now_ns);

std::string prices_text(const server::auth::PriceList& prices);
Json prices_json(const server::auth::PriceList& prices);

// What rows are added up by: those of which this is false become one.
struct UsageColumns {
  bool day = true;
  bool key = true;
  bool model = true;
};
std::vector<server::auth::UsageRow> sum_usage(const std::vector<server::auth::UsageRow>& rows,
                                              const UsageColumns& columns);

using KeyNames = std::map<std::string, std::string>;  // by id
// The head and a row for each sum.
std::vector<std::vector<std::string>> usage_table(const std::vector<server::auth::UsageRow>& rows,
                                                  const UsageColumns& columns, const KeyNames& names);
Json usage_json(const std::vector<server::auth::UsageRow>& rows, const UsageColumns& columns, const KeyNames& names);

}  // namespace paddock::cli
