// SPDX-License-Identifier: Apache-2.0
#pragma once
// Weights that are not trained stay in the form in which the checkpoint has them: float32 are embedding, head and final
// norm, and of the layers one at a time.

#include <cstdint>
#include <memory>
#include <optional>

#include "base/result.h"
#include "base/thread_pool.h"
#include "llama4/model.h"
#include "train/parameters.h"

namespace paddock::train {

class FrozenWeights {
 public:
  // The model and its machine outlive it, the list too.
  static Result<FrozenWeights> create(const llama4::Model& model, const ParameterList& list, int threads);
  static size_t bytes(const ParameterList& list);

  // Layers are asked for in turn: the weights of the one before are gone.
  void take_layer(size_t layer);
  // Of a parameter outside the layers, or of the layer that was taken.
  kernels::Address address(size_t parameter) const;

 private:
  struct Outer {
    size_t parameter;
    int64_t offset;  // in the block, in floats
  };

  explicit FrozenWeights(const llama4::Model& model, const ParameterList& list, int threads);

  const llama4::Model* model_;
  const ParameterList* list_;
  std::unique_ptr<ThreadPool> pool_;
  std::vector<Outer> outer_;
  kernels::Buffer outer_block_, layer_block_;
  std::vector<float> staged_;  // a layer on its way to the machine
  std::optional<size_t> layer_;
  int64_t layer_first_ = 0;  // the number of a block of all parameters that layer_block_ begins with
};

}  // namespace paddock::train
