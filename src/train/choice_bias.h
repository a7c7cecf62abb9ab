// SPDX-License-Identifier: Apache-2.0
#pragma once
// A bias on the choice of experts that keeps them evenly used without a loss      (Wang et al., arXiv 2408.15664)

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/contracts/machine.h"

namespace paddock::train {

// Chooses again: the K largest of score + bias, equal ones the lower expert first; gates stay the sigmoid of the score.
void choose_with_bias(kernels::Machine* machine, const kernels::Rows& scores_TE, std::span<const float> bias_E,
                      const kernels::Routing& routing);

// After a step: experts that had more tokens than the mean lose `rate`, those that had fewer gain it.
void move_bias(std::span<const int64_t> tokens_E, double rate, std::vector<float>* bias_E);

}  // namespace paddock::train
