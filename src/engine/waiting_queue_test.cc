// SPDX-License-Identifier: Apache-2.0
#include "engine/waiting_queue.h"

#include <gtest/gtest.h>

namespace paddock::engine {
namespace {

TEST(WaitingQueue, PriorityThenTenantsInTurnThenArrival) {
  WaitingQueue queue;
  for (const RequestId id : {1, 2, 3}) queue.add(id, 0, 100);
  queue.add(4, 0, 200);
  queue.add(5, 1, 100);
  queue.add(6, -1, 300);
  EXPECT_EQ(queue.in_order({}), (std::vector<RequestId>{5, 4, 1, 2, 3, 6}));
  EXPECT_EQ(queue.in_order({{200, 3}}), (std::vector<RequestId>{5, 1, 2, 3, 4, 6}));
  queue.remove(5);
  queue.remove(1);
  EXPECT_EQ(queue.in_order({}), (std::vector<RequestId>{2, 4, 3, 6}));
  EXPECT_EQ(queue.size(), 4u);
}

}  // namespace
}  // namespace paddock::engine
