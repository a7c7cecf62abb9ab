// SPDX-License-Identifier: Apache-2.0
#pragma once
// What tokens cost, for each model, in the key database.

#include <map>
#include <string>

#include "base/result.h"
#include "server/auth/database.h"
#include "server/auth/money.h"

namespace paddock::server::auth {

// By model. The name "*" is for every model that has no row of its own.
using PriceList = std::map<std::string, Prices, std::less<>>;

// Nothing without a row: such a model is free.
Prices prices_of(const PriceList& list, std::string_view model);

Result<PriceList> all_prices(Database* database);
Result<void> set_prices(Database* database, std::string_view model, const Prices& prices);

}  // namespace paddock::server::auth
