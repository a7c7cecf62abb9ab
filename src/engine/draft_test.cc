// SPDX-License-Identifier: Apache-2.0
#include "engine/draft.h"

#include <gtest/gtest.h>

namespace paddock::engine {
namespace {

using Tokens = std::vector<int32_t>;

TEST(Draft, IsWhatFollowedBefore) {
  EXPECT_EQ(draft_after(Tokens{1, 2, 3, 4, 5, 9, 1, 2}, 3), (Tokens{3, 4, 5}));
  EXPECT_EQ(draft_after(Tokens{1, 2, 3, 4, 5, 9, 1, 2}, 0), Tokens());
  EXPECT_EQ(draft_after(Tokens{1, 2, 7, 1, 2, 8, 1, 2}, 1), Tokens{8}) << "the latest place";
  EXPECT_EQ(draft_after(Tokens{5, 1, 2, 7, 6, 1, 2, 8, 5, 1, 2}, 1), Tokens{7}) << "the place that agrees longest";
}

TEST(Draft, IsNothingWhereNothingWasSaidBefore) {
  EXPECT_EQ(draft_after(Tokens{}, 4), Tokens());
  EXPECT_EQ(draft_after(Tokens{1}, 4), Tokens());
  EXPECT_EQ(draft_after(Tokens{1, 2, 3, 4, 5}, 4), Tokens());
  EXPECT_EQ(draft_after(Tokens{1, 2, 3, 2}, 4), Tokens()) << "one token says little";
}

TEST(Draft, GoesOnInThePeriodOfAText) {
  EXPECT_EQ(draft_after(Tokens{4, 4, 4}, 5), (Tokens{4, 4, 4, 4, 4}));
  EXPECT_EQ(draft_after(Tokens{1, 2, 3, 1, 2, 3, 1, 2}, 7), (Tokens{3, 1, 2, 3, 1, 2, 3}));
}

TEST(DraftLength, FollowsWhatIsAccepted) {
  DraftLength length(8);
  EXPECT_EQ(length.at(0), 2);
  length.note(50, 2, 2);
  length.note(53, 4, 4);
  length.note(100, 8, 5);
  EXPECT_EQ(length.at(106), 8);
  length.note(106, 8, 3);
  EXPECT_EQ(length.at(110), 4);
  length.note(110, 4, 0);
  length.note(111, 2, 0);
  EXPECT_EQ(length.at(112), 1);
  length.note(112, 1, 0);
  EXPECT_EQ(length.at(127), 0);
  EXPECT_EQ(length.at(128), 1) << "it is tried again";
  for (const int64_t expected : {2, 4, 8, 8}) {
    length.note(200, length.at(200), length.at(200));
    EXPECT_EQ(length.at(201), expected);
  }
  EXPECT_EQ(DraftLength(0).at(5), 0);
}

}  // namespace
}  // namespace paddock::engine
