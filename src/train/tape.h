// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a forward pass keeps for the backward one, and where both work.

#include <cstdint>
#include <vector>

#include "kernels/contracts/experts.h"
#include "kernels/contracts/memory.h"
#include "llama4/config.h"

namespace paddock::train {

// Of one layer. T tokens, R = T K rows of experts. What is not here is computed again: norms, products of gates.
struct LayerTape {
  kernels::Rows x, middle;           // [T, D]: what the layer reads, and what its feed-forward part does
  kernels::Rows q_turned, k_turned;  // before QK-norm, in layers that have one
  kernels::Rows q, k, v, attended;   // as attention saw them, and what it wrote
  kernels::Address lse;              // [T, N]
  kernels::Rows gate_up;             // [T, 2 F]
  kernels::Rows scores;              // [T, E]
  kernels::Routing routing;
  kernels::Rows expert_gate_up;  // [R, 2 F]
};

// Shared by all layers, in the order in which a pass needs them.
struct Workspace {
  kernels::Rows normed, dnormed;  // [T, D]
  kernels::Rows dx;               // [T, D]: the gradient on its way down
  kernels::Rows inner, dinner;    // [T, F]
  kernels::Rows dq, dk, dv, dattended;
  kernels::Rows rows, drows;                  // [R, D]
  kernels::Rows expert_inner, expert_dinner;  // [R, F]
  kernels::Address dgates;                    // [T, K]
  kernels::Rows dscores;                      // [T, E]
  kernels::Rows logits;                       // [some rows, V]
  kernels::Address update_scratch;            // of low-rank updates
};

struct TapeWishes {
  int64_t tokens = 0;       // T
  int64_t logits_rows = 0;  // at once
  int64_t rank = 0;         // of low-rank updates; 0: none
  bool recompute = false;   // of all layers only what they read is kept, and each is computed again on the way back
};

struct Tape {
  std::vector<LayerTape> layers;
  kernels::Rows last;  // [T, D], what the final norm reads
  Workspace work;
};

// Lays all of it out from `base` on; `bytes` is what it takes.
Tape lay_out_tape(const llama4::Config& config, const TapeWishes& wishes, kernels::Address base, size_t* bytes);

}  // namespace paddock::train
