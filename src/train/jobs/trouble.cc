// SPDX-License-Identifier: Apache-2.0
#include "train/jobs/trouble.h"

#include <fmt/format.h>

#include <cmath>

namespace paddock::train {

std::optional<Trouble> find_trouble(const WatchRecipe& recipe, double loss, double gradient_norm, double running_loss) {
  if (!std::isfinite(loss)) return Trouble{fmt::format("a loss of {}", loss), recipe.not_finite};
  if (!std::isfinite(gradient_norm))
    return Trouble{fmt::format("a gradient of length {}", gradient_norm), recipe.not_finite};
  if (recipe.spike > 0 && running_loss > 0 && loss > recipe.spike * running_loss)
    return Trouble{fmt::format("a loss of {:.4f} where {:.4f} was usual", loss, running_loss), recipe.on_spike};
  return {};
}

double running_mean(double running_loss, double loss) {
  constexpr double kKept = 0.95;
  return running_loss == 0 ? loss : kKept * running_loss + (1 - kKept) * loss;
}

}  // namespace paddock::train
