// SPDX-License-Identifier: Apache-2.0
#pragma once
// The weights of the tower as handles of the machine that runs it.

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "checkpoint/checkpoint.h"
#include "kernels/contracts/machine.h"
#include "llama4/vision/config.h"

namespace paddock::llama4 {

// A Linear layer.
struct VisionLinear {
  kernels::Matrix weights;
  kernels::NormWeight bias;  // null: none
};

struct VisionNorm {
  kernels::NormWeight weight, bias;
};

struct VisionLayerWeights {
  VisionNorm attention_norm;    // [W]
  VisionLinear wq, wk, wv, wo;  // [W, W]
  VisionNorm mlp_norm;          // [W]
  VisionLinear up, down;        // [mlp width, W] and back
};

struct VisionWeights {
  kernels::Matrix patches;  // [W, 3 * patch size^2]: channel, row, column
  VisionNorm pre_norm, post_norm;
  std::vector<VisionLayerWeights> layers;
  kernels::Matrix adapter_inner;  // [adapter_inner, W * shuffle^2]
  kernels::Matrix adapter;        // [adapter_width, adapter_inner]
  kernels::Matrix projector;      // [D, adapter_width]
  // What is added to the rows of a tile: learned positions, and the class embedding in the class token's row.
  kernels::Buffer positions;  // of the table below
  kernels::Blocks position_table;
};

// What the tensors amount to.
struct VisionTotals {
  int64_t tensors = 0;
  int64_t parameters = 0;
  size_t bytes = 0;
};

struct VisionWeightsAndTotals {
  VisionWeights weights;
  VisionTotals totals;
};

// Every tensor that the configuration calls for, once. A missing or mis-shaped tensor, one of the tower that the
// configuration does not call for, or a number that is not finite, is an error that names the tensor. `machine` null:
// only the headers are checked and the handles stay empty.
Result<VisionWeightsAndTotals> load_vision_weights(const checkpoint::Checkpoint& checkpoint, const VisionConfig& config,
                                                   kernels::Machine* machine);

}  // namespace paddock::llama4
