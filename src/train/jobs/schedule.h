// SPDX-License-Identifier: Apache-2.0
#pragma once
// How fast a job learns, from its first step to its last.

#include <cstdint>

#include "train/recipe/recipe.h"

namespace paddock::train {

// Of step 1 to `steps`. The rate rises in a line over the warm-up; then it stays (constant), falls in a line or as half
// a cosine to `last_rate` of itself, or stays and falls in a line over the last `decay_share` of all steps (wsd).
double rate_at(const OptimiserRecipe& recipe, int64_t step, int64_t steps);

}  // namespace paddock::train
