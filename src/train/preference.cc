// SPDX-License-Identifier: Apache-2.0
#include "train/preference.h"

#include <cmath>

namespace paddock::train {
namespace {

// ln(1 + exp(x)) without overflow.
double softplus(double x) { return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); }

}  // namespace

PreferenceLoss preference_loss(std::span<const PreferencePair> pairs, double beta) {
  PreferenceLoss result;
  const auto count = static_cast<double>(pairs.size());
  for (const PreferencePair& pair : pairs) {
    const double margin = beta * ((pair.chosen - pair.reference_chosen) - (pair.rejected - pair.reference_rejected));
    result.loss += softplus(-margin) / count;
    result.margins.push_back(margin);
    // beta sigmoid(-margin) / pairs
    const double step = beta * std::exp(-softplus(margin)) / count;
    result.of_chosen.push_back(-step);
    result.of_rejected.push_back(step);
  }
  return result;
}

}  // namespace paddock::train
