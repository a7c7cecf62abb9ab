// SPDX-License-Identifier: Apache-2.0
#pragma once
// A tower that is ready to run: configuration, weights, and the machine that holds them.

#include "base/result.h"
#include "checkpoint/checkpoint.h"
#include "kernels/contracts/machine.h"
#include "llama4/vision/config.h"
#include "llama4/vision/weights.h"

namespace paddock::llama4 {

// The checkpoint's mapping and the machine must outlive the model: weights are used where they lie.
struct VisionModel {
  VisionConfig config;
  VisionWeights weights;
  VisionTotals totals;
  kernels::Machine* machine = nullptr;
};

// Binds the weights to the machine. The configuration has been read by read_vision_config from the same checkpoint.
Result<VisionModel> load_vision(const checkpoint::Checkpoint& checkpoint, const VisionConfig& config,
                                kernels::Machine* machine);

}  // namespace paddock::llama4
