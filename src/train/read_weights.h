// SPDX-License-Identifier: Apache-2.0
#pragma once
// From the weights that inference runs on, whatever stores them, to the float32 block that training works on.

#include <span>

#include "llama4/model.h"
#include "train/parameters.h"

namespace paddock::train {

// Fills the block [list.floats()] with the model's weights.
void read_weights(const llama4::Model& model, const ParameterList& list, std::span<float> block);

}  // namespace paddock::train
