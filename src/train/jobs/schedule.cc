// SPDX-License-Identifier: Apache-2.0
#include "train/jobs/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace paddock::train {
namespace {

// How much of the fall is done, from 0 to 1.
double fallen(const OptimiserRecipe& recipe, int64_t step, int64_t steps) {
  const auto share_of = [&](double first) {
    return std::clamp((static_cast<double>(step) - first) / std::max(1.0, static_cast<double>(steps) - first), 0.0,
                      1.0);
  };
  const auto warm_up = static_cast<double>(recipe.warm_up);
  switch (recipe.schedule) {
    case Schedule::kConstant: return 0;
    case Schedule::kLinear: return share_of(warm_up);
    case Schedule::kCosine: return 0.5 - 0.5 * std::cos(std::numbers::pi * share_of(warm_up));
    case Schedule::kWarmupStableDecay:
      return share_of(std::max(warm_up, static_cast<double>(steps) * (1 - recipe.decay_share)));
  }
  return 0;
}

}  // namespace

double rate_at(const OptimiserRecipe& recipe, int64_t step, int64_t steps) {
  if (step <= recipe.warm_up) return recipe.rate * static_cast<double>(step) / static_cast<double>(recipe.warm_up);
  return recipe.rate * (1 - (1 - recipe.last_rate) * fallen(recipe, step, steps));
}

}  // namespace paddock::train
