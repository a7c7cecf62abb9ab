// SPDX-License-Identifier: Apache-2.0
#pragma once
// Weights before any training.

#include <cstdint>
#include <span>

#include "train/parameters.h"

namespace paddock::train {

// Norms are 1. Matrices are drawn from a normal distribution of `deviation`; those that write to the residual stream of
// L layers from one narrower by sqrt(2 L)                                        (Radford et al., GPT-2, 2019). The
// same seed gives the same bits everywhere.
void write_initial_weights(const ParameterList& list, uint64_t seed, double deviation, std::span<float> block);

}  // namespace paddock::train
