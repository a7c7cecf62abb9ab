// SPDX-License-Identifier: Apache-2.0
#pragma once
// Steps that would do harm: losses that are no number, gradients that are not finite, losses far above those before.

#include <optional>
#include <string>

#include "train/recipe/recipe.h"

namespace paddock::train {

struct Trouble {
  std::string what;  // "a loss of nan", …
  OnTrouble action = OnTrouble::kStop;
};

// `running_loss` is the mean of the losses before, 0 while there are too few to compare with.
std::optional<Trouble> find_trouble(const WatchRecipe& recipe, double loss, double gradient_norm, double running_loss);

// The mean after one more.
double running_mean(double running_loss, double loss);

}  // namespace paddock::train
