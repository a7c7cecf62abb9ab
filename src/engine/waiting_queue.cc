// SPDX-License-Identifier: Apache-2.0
#include "engine/waiting_queue.h"

#include <tuple>

namespace paddock::engine {

std::vector<RequestId> WaitingQueue::in_order(std::map<int64_t, int64_t> running) const {
  std::map<std::pair<int, int64_t>, std::vector<RequestId>> claims;  // of each priority and tenant, latest first
  for (auto claim = waiting_.rbegin(); claim != waiting_.rend(); ++claim)
    claims[{-claim->second.priority, claim->second.tenant}].push_back(claim->first);
  std::vector<RequestId> order;
  while (!claims.empty()) {
    const auto rank = [&](const auto& entry) {
      return std::tuple(entry.first.first, running[entry.first.second], entry.second.back());
    };
    auto first = claims.begin();
    for (auto other = std::next(first); other != claims.end() && other->first.first == first->first.first; ++other)
      if (rank(*other) < rank(*first)) first = other;
    order.push_back(first->second.back());
    ++running[first->first.second];  // as if it had its place, so that tenants take turns
    first->second.pop_back();
    if (first->second.empty()) claims.erase(first);
  }
  return order;
}

}  // namespace paddock::engine
