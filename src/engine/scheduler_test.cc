// SPDX-License-Identifier: Apache-2.0
#include "engine/scheduler.h"

#include <gtest/gtest.h>

#include <random>

namespace paddock::engine {
namespace {

TEST(Scheduler, CutsAPromptIntoPiecesAndWantsLogitsAtItsEnd) {
  Scheduler scheduler(8, 4);
  scheduler.add(1, 0, 20);
  for (const auto& [first, count, logits] : {std::tuple{0, 8, false}, {8, 8, false}, {16, 4, true}}) {
    const auto batch = scheduler.next_batch();
    ASSERT_EQ(batch.size(), 1u);
    EXPECT_EQ(batch[0].first, first);
    EXPECT_EQ(batch[0].count, count);
    EXPECT_EQ(batch[0].wants_logits, logits);
    scheduler.commit(batch[0]);
  }
  EXPECT_TRUE(scheduler.next_batch().empty());
  scheduler.append_token(1);
  EXPECT_EQ(scheduler.next_batch()[0].count, 1);
}

TEST(Scheduler, AnswersComeBeforePrompts) {
  Scheduler scheduler(8, 4);
  scheduler.add(1, 0, 100);
  scheduler.add(2, 9, 10);
  const auto batch = scheduler.next_batch();
  ASSERT_EQ(batch.size(), 2u);
  EXPECT_EQ(batch[0].request, 2);
  EXPECT_EQ(batch[1].request, 1);
  EXPECT_EQ(batch[1].count, 7);
}

TEST(Scheduler, TenantsShareWhatIsLeftForPrompts) {
  Scheduler scheduler(40, 8);
  scheduler.add(1, 0, 1000, 1);
  scheduler.add(2, 0, 1000, 1);
  scheduler.add(3, 0, 15, 2);
  scheduler.add(4, 9, 10, 3);
  const auto batch = scheduler.next_batch(31);
  ASSERT_EQ(batch.size(), 3u);
  EXPECT_EQ(batch[0].request, 4);
  EXPECT_EQ(batch[1].request, 1);
  EXPECT_EQ(batch[1].count, 16);
  EXPECT_EQ(batch[2].request, 3);
  EXPECT_EQ(batch[2].count, 15);
  EXPECT_TRUE(batch[2].wants_logits);
  EXPECT_EQ(scheduler.next_batch(0).size(), 1u) << "answers alone";
}

TEST(Scheduler, NeverExceedsItsLimitsAndFinishesEverything) {
  std::mt19937 random(3);
  Scheduler scheduler(16, 3);
  std::map<RequestId, int64_t> left;  // tokens still to be answered
  for (RequestId id = 1; id <= 50; ++id) {
    scheduler.add(id, 0, 1 + static_cast<int64_t>(random() % 60), id % 7);
    left[id] = 1 + static_cast<int64_t>(random() % 10);
  }
  int steps = 0;
  while (!left.empty()) {
    ASSERT_LT(++steps, 2000);
    int64_t tokens = 0, logits = 0;
    const auto batch = scheduler.next_batch();
    ASSERT_FALSE(batch.empty());
    for (const Slice& slice : batch) {
      tokens += slice.count;
      logits += slice.wants_logits;
      scheduler.commit(slice);
      if (!slice.wants_logits) continue;
      if (--left[slice.request] > 0) {
        scheduler.append_token(slice.request);
      } else {
        left.erase(slice.request);
        scheduler.remove(slice.request);
      }
    }
    ASSERT_LE(tokens, 16);
    ASSERT_LE(logits, 3);
  }
}

}  // namespace
}  // namespace paddock::engine
