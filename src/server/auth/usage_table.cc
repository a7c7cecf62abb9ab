// SPDX-License-Identifier: Apache-2.0
#include "server/auth/usage_table.h"

#include <limits>

namespace paddock::server::auth {
namespace {

int64_t saturated_sum(int64_t one, int64_t other) {
  int64_t sum = 0;
  return __builtin_add_overflow(one, other, &sum) ? std::numeric_limits<int64_t>::max() : sum;
}

}  // namespace

UsageSum& UsageSum::operator+=(const UsageSum& other) {
  requests = saturated_sum(requests, other.requests);
  usage.prompt_tokens = saturated_sum(usage.prompt_tokens, other.usage.prompt_tokens);
  usage.cached_tokens = saturated_sum(usage.cached_tokens, other.usage.cached_tokens);
  usage.output_tokens = saturated_sum(usage.output_tokens, other.usage.output_tokens);
  cost += other.cost;
  return *this;
}

Result<void> add_usage(Database* database, const UsageOf& of, const UsageSum& sum) {
  UsageSum total = sum;
  Statement row =
      TRY(database->prepare("SELECT requests, prompt_tokens, cached_tokens, output_tokens, cost_micros, cost_picos "
                            "FROM usage WHERE day = ? AND key_id = ? AND model = ?"));
  if (TRY(row.bind(of.day, of.key_id, of.model).row()))
    total += UsageSum{row.integer(0),
                      {row.integer(1), row.integer(2), row.integer(3)},
                      Money::of_parts(row.integer(4), row.integer(5))};
  return database->run(
      "INSERT OR REPLACE INTO usage (day, key_id, model, requests, prompt_tokens, cached_tokens, "
      "output_tokens, cost_micros, cost_picos) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
      of.day, of.key_id, of.model, total.requests, total.usage.prompt_tokens, total.usage.cached_tokens,
      total.usage.output_tokens, total.cost.micros(), total.cost.picos());
}

Result<std::vector<UsageRow>> read_usage(Database* database, const UsageWish& wish) {
  Statement rows =
      TRY(database->prepare("SELECT day, key_id, model, requests, prompt_tokens, cached_tokens, output_tokens, "
                            "cost_micros, cost_picos FROM usage "
                            "WHERE (?1 IS NULL OR key_id = ?1) AND (?2 = '' OR day >= ?2) AND (?3 = '' OR day <= ?3) "
                            "ORDER BY day, key_id, model"));
  rows.bind(wish.key_id, wish.from, wish.to);
  std::vector<UsageRow> found;
  while (TRY(rows.row()))
    found.push_back({{rows.text(0), rows.text(1), rows.text(2)},
                     {rows.integer(3),
                      {rows.integer(4), rows.integer(5), rows.integer(6)},
                      Money::of_parts(rows.integer(7), rows.integer(8))}});
  return found;
}

}  // namespace paddock::server::auth
