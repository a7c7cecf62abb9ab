// SPDX-License-Identifier: Apache-2.0
#pragma once
// From the weights that inference runs on, whatever stores them, to the float32 block that training works on.

#include <cstdint>
#include <span>

#include "base/thread_pool.h"
#include "llama4/model.h"
#include "train/parameters.h"

namespace paddock::train {

// Numbers of a block from number `first` on.
struct PartOfBlock {
  std::span<float> numbers;
  int64_t first = 0;
};

// Fill what `part` holds of the block with the model's weights: all of them; embedding, final norm and head; or those
// of a layer.
void read_weights(const llama4::Model& model, const ParameterList& list, const PartOfBlock& part, ThreadPool* pool);
void read_outer_weights(const llama4::Model& model, const ParameterList& list, size_t parameter,
                        const PartOfBlock& part, ThreadPool* pool);
void read_layer_weights(const llama4::Model& model, const ParameterList& list, size_t layer, const PartOfBlock& part,
                        ThreadPool* pool);

}  // namespace paddock::train
