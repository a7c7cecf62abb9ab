// SPDX-License-Identifier: Apache-2.0
#pragma once
// The weights of a model as handles of the machine that runs it.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "checkpoint/checkpoint.h"
#include "kernels/contracts/machine.h"
#include "kernels/contracts/step_shape.h"
#include "llama4/config.h"

namespace paddock::llama4 {

struct LayerWeights {
  kernels::NormWeight attention_norm;     // [D]
  kernels::Matrix wq;                     // [N * H, D]
  kernels::Matrix wk, wv;                 // [G * H, D]
  kernels::Matrix wo;                     // [D, N * H]
  kernels::NormWeight feed_forward_norm;  // [D]
  kernels::ExpertWeights mlp;             // dense layers: gate, up [F, D], down [D, F]; MoE layers: the shared expert
  kernels::Matrix router;                 // MoE layers: [E, D]
  std::vector<kernels::ExpertWeights> experts;  // MoE layers: [E]
};

struct Weights {
  kernels::Matrix embedding;         // [V, D]
  std::vector<LayerWeights> layers;  // [L]
  kernels::NormWeight final_norm;    // [D]
  kernels::Matrix head;              // [V, D]; the embedding where they are tied
};

// What the tensors amount to, known from the headers alone.
struct WeightTotals {
  int64_t parameters = 0;  // all, vision included
  int64_t text_parameters = 0;
  int64_t active_parameters = 0;  // of the text model that work for one token: all but the experts not chosen
  int64_t expert_parameters = 0;  // of all routed experts
  size_t bytes = 0;               // of the text model's tensors
  std::map<std::string, size_t> bytes_by_dtype;
  // The same bytes in their files, in the order of these: what every token needs, and what its id or the router
  // chooses from.
  std::vector<FilePart> always_read, sometimes_read;
  std::vector<kernels::ProductSet> products;  // of a step of one token that is sampled (llama4/product_sets.h)
  std::vector<std::string> unused;            // families of tensors of the file that text does not use, with counts
};

struct WeightsAndTotals {
  Weights weights;
  WeightTotals totals;
};

// What stands before the names of the text part: "language_model." in checkpoints that have a vision part.
std::string name_prefix(const checkpoint::Checkpoint& checkpoint);

// Every tensor that the configuration calls for, with its shape checked, each used once. A missing, extra or mis-shaped
// tensor, or a norm weight that is not finite, is an error. `machine` null: only the headers are checked and the
// handles stay empty.
Result<WeightsAndTotals> load_weights(const checkpoint::Checkpoint& checkpoint, const Config& config,
                                      kernels::Machine* machine);

}  // namespace paddock::llama4
