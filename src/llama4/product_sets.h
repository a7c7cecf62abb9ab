// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which weights a step multiplies with which rows, for the memory plan: known from the headers alone.

#include <vector>

#include "kernels/contracts/step_shape.h"
#include "llama4/config.h"
#include "llama4/weights.h"

namespace paddock::llama4 {

// Of a step of one token that is sampled; sets that are alike once. Handles may be empty.
std::vector<kernels::ProductSet> product_sets(const Config& config, const Weights& weights);

}  // namespace paddock::llama4
