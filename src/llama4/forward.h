// SPDX-License-Identifier: Apache-2.0
#pragma once
// The model: token ids of many sequences to logits, one step. Every line of it is a sentence of the paper.
//
// Shape letters, here and in all of the model and its kernels:
//   T tokens in the step   D model width      V vocabulary       L layers
//   N query heads          G key/value heads  H head width       S cached positions
//   E experts              K experts chosen   F expert MLP width R rows: of logits, or routed (token, expert) pairs

#include <cstdint>
#include <span>

#include "cache/kv_cache.h"
#include "llama4/activations.h"
#include "llama4/adapter/adapter.h"
#include "llama4/kv_memory.h"
#include "llama4/model.h"

namespace paddock::llama4 {

// What a step adds to one sequence: consecutive tokens from first_position on. The cache has room for them.
struct StepSequence {
  std::span<const int32_t> tokens;
  int64_t first_position = 0;
  const cache::SequenceCache* cache = nullptr;
  const Adapter* adapter = nullptr;  // null: the model as it is
};

// Consecutive rows of a step whose input is given, not the embedding of their token: parts of pictures.
struct GivenRows {
  int64_t first_row = 0;
  std::span<const float> x_TD;
};

struct Step {
  std::span<const StepSequence> sequences;
  std::span<const int32_t> logits_rows;  // rows of the step, in the order of the sequences' tokens
  std::span<const GivenRows> given = {};
};

// Sees the inside of a step: for golden tests, `score --hidden`, statistics of experts and neurons. Reading costs a
// copy from the machine.
class Observer {
 public:
  virtual ~Observer() = default;
  // The residual stream [T, D] after the embedding (layer -1) and after each layer.
  virtual void hidden(int layer, const kernels::Rows& x_TD) = 0;
  // The choice of a MoE layer.
  virtual void routed(int layer, const kernels::Routing& routing) = 0;
  // What the dense MLP or the shared expert gives its projection down: silu(gate x) * (up x).
  virtual void gated([[maybe_unused]] int layer, [[maybe_unused]] const kernels::Rows& gated_TF) {}
};

// Appends the step's keys and values to the cache and leaves the logits of logits_rows in activations.logits_RV.
// The result for a token depends on its own sequence and adapter alone, however sequences and prompts are cut into
// steps.
void forward(const Model& model, const Step& step, const KvMemory& memory, Activations* activations,
             Observer* observer = nullptr);

}  // namespace paddock::llama4
