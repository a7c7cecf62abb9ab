// SPDX-License-Identifier: Apache-2.0
#pragma once
// A model in training: its parameters as numbers, and what works on them.

#include <optional>
#include <vector>

#include "kernels/contracts/machine.h"
#include "kernels/contracts/training/trainer.h"
#include "llama4/config.h"
#include "train/adapter.h"
#include "train/frozen_weights.h"
#include "train/linear.h"
#include "train/parameters.h"

namespace paddock::train {

// Blocks of parameters.floats() numbers in the machine's memory. Everything named here outlives it.
struct TrainedModel {
  const llama4::Config* config = nullptr;
  kernels::Machine* machine = nullptr;
  kernels::Trainer* trainer = nullptr;
  const ParameterList* parameters = nullptr;
  kernels::Address weights;  // null where `frozen` has them
  FrozenWeights* frozen = nullptr;
  kernels::Address gradients;                           // null: the weights are frozen
  const Adapter* adapter = nullptr;                     // null: none
  kernels::Address adapter_weights, adapter_gradients;  // blocks of adapter->floats()
  bool rounded = false;                                 // products of bfloat16
  // Added to scores where experts are chosen and nowhere else, [L][E]; null, or empty for a layer: nothing.
  const std::vector<std::vector<float>>* choice_bias = nullptr;

  kernels::Address weight_address(size_t index) const {
    return frozen == nullptr ? parameters->address(index, weights) : frozen->address(index);
  }
  kernels::Address gradient_address(size_t index) const {
    return gradients.is_null() ? kernels::Address() : parameters->address(index, gradients);
  }
  // Of a matrix that is stored outputs first, as [in, out].
  Weight weight(size_t index) const;
  // Of one expert, which is stored inputs first.
  Weight weight(size_t index, int64_t expert) const;
};

}  // namespace paddock::train
