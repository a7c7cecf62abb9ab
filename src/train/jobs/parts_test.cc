// SPDX-License-Identifier: Apache-2.0
// The parts of a job that need no model.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "train/choice_bias.h"
#include "train/jobs/expert_use.h"
#include "train/jobs/schedule.h"
#include "train/jobs/trouble.h"

namespace paddock::train {
namespace {

TEST(ScheduleTest, RisesStaysAndFalls) {
  OptimiserRecipe recipe{.rate = 2, .schedule = Schedule::kCosine, .warm_up = 10, .last_rate = 0.1};
  EXPECT_DOUBLE_EQ(rate_at(recipe, 1, 110), 0.2);
  EXPECT_DOUBLE_EQ(rate_at(recipe, 10, 110), 2);
  EXPECT_NEAR(rate_at(recipe, 60, 110), 1.1, 1e-12);  // half of the way from 2 to 0.2
  EXPECT_NEAR(rate_at(recipe, 110, 110), 0.2, 1e-12);
  recipe.schedule = Schedule::kLinear;
  EXPECT_NEAR(rate_at(recipe, 35, 110), 1.55, 1e-12);
  recipe.schedule = Schedule::kWarmupStableDecay;
  recipe.decay_share = 0.5;
  EXPECT_DOUBLE_EQ(rate_at(recipe, 55, 110), 2);
  EXPECT_LT(rate_at(recipe, 56, 110), 2);
  EXPECT_NEAR(rate_at(recipe, 110, 110), 0.2, 1e-12);
  recipe.schedule = Schedule::kConstant;
  EXPECT_DOUBLE_EQ(rate_at(recipe, 110, 110), 2);
}

TEST(TroubleTest, IsWhatIsNoNumberOrFarAboveTheRest) {
  WatchRecipe recipe{.not_finite = OnTrouble::kGoOn, .spike = 3, .on_spike = OnTrouble::kRewind};
  EXPECT_FALSE(find_trouble(recipe, 2, 5, 1));
  EXPECT_EQ(find_trouble(recipe, std::nan(""), 5, 1)->action, OnTrouble::kGoOn);
  EXPECT_EQ(find_trouble(recipe, 2, std::numeric_limits<double>::infinity(), 1)->action, OnTrouble::kGoOn);
  EXPECT_EQ(find_trouble(recipe, 3.5, 5, 1)->action, OnTrouble::kRewind);
  EXPECT_FALSE(find_trouble(recipe, 3.5, 5, 0));  // nothing to compare with yet
  recipe.spike = 0;
  EXPECT_FALSE(find_trouble(recipe, 1e9, 5, 1));
}

TEST(ExpertUseTest, TellsWhoStarves) {
  ExpertUse use;
  use.add({{}, {10, 10, 19, 1}});
  use.add({{}, {10, 10, 20, 0}});
  const auto starving = use.starving(0.1);
  ASSERT_EQ(starving.size(), 1u);
  EXPECT_EQ(starving[0].layer, 1u);
  EXPECT_EQ(starving[0].expert, 3u);
  EXPECT_DOUBLE_EQ(starving[0].share, 0.05);
  EXPECT_DOUBLE_EQ(use.worst_imbalance(), 39.0 / 20);
}

TEST(ChoiceBiasTest, MovesTowardsThoseThatHadLess) {
  std::vector<float> bias(3, 0.0f);
  const std::vector<int64_t> tokens = {9, 3, 0};
  move_bias(tokens, 0.25, &bias);
  EXPECT_EQ(bias, (std::vector<float>{-0.25f, 0.25f, 0.25f}));
}

}  // namespace
}  // namespace paddock::train
