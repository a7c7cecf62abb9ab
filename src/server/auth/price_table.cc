// SPDX-License-Identifier: Apache-2.0
#include "server/auth/price_table.h"

namespace paddock::server::auth {

Prices prices_of(const PriceList& list, std::string_view model) {
  auto row = list.find(model);
  if (row == list.end()) row = list.find("*");
  return row == list.end() ? Prices{} : row->second;
}

Result<PriceList> all_prices(Database* database) {
  Statement rows = TRY(database->prepare("SELECT model, prompt, cached, output FROM price"));
  PriceList list;
  while (TRY(rows.row())) list[rows.text(0)] = {rows.integer(1), rows.integer(2), rows.integer(3)};
  return list;
}

Result<void> set_prices(Database* database, std::string_view model, const Prices& prices) {
  if (model.empty())
    return error(ErrorCode::kInvalidArgument, "prices: expected the name of a model, or * for all others");
  if (prices.prompt < 0 || prices.cached < 0 || prices.output < 0)
    return error(ErrorCode::kInvalidArgument, "prices of {}: expected 0 or more", model);
  Transaction transaction = TRY(Transaction::begin(database));
  TRY_VOID(database->run("INSERT OR REPLACE INTO price (model, prompt, cached, output) VALUES (?, ?, ?, ?)", model,
                         prices.prompt, prices.cached, prices.output));
  TRY_VOID(database->run("UPDATE generation SET number = number + 1"));
  return transaction.commit();
}

}  // namespace paddock::server::auth
