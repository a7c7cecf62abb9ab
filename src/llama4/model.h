// SPDX-License-Identifier: Apache-2.0
#pragma once
// A model that is ready to run: configuration, weights, and the machine that holds them.

#include <memory>

#include "base/result.h"
#include "checkpoint/checkpoint.h"
#include "kernels/contracts/machine.h"
#include "llama4/config.h"
#include "llama4/weights.h"

namespace paddock::llama4 {

// The checkpoint's mapping and the machine must outlive the model: weights are used where they lie.
struct Model {
  Config config;
  Weights weights;
  kernels::Machine* machine = nullptr;
};

// Binds the weights to the machine. The configuration has been read by read_config.
Result<Model> load_model(const checkpoint::Checkpoint& checkpoint, const Config& config, kernels::Machine* machine);

}  // namespace paddock::llama4
