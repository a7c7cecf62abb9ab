// SPDX-License-Identifier: Apache-2.0
#pragma once
// Mixture of experts as Llama 4 does it: the gate scales an expert's input, not its output.

#include <cstdint>
#include <span>

#include "kernels/contracts/low_rank.h"
#include "kernels/contracts/memory.h"

namespace paddock::kernels {

// Which experts each token goes to, in the machine's memory.
struct Routing {
  Address experts_TK;  // int32, best first; equal scores: the lower expert first
  Address gates_TK;    // float32, sigmoid of the chosen raw scores
  int64_t tokens = 0;
  int64_t chosen = 0;  // K
};

// score = router x; the K largest; gate = sigmoid(score), not renormalised.
struct Route {
  Rows x_TD;
  Matrix router_ED;
  Routing routing;
  Rows scores_TE;  // scratch
};

// Weights of one routed expert.
struct ExpertWeights {
  Matrix gate, up, down;
};

// y[t] += sum over the chosen e of mlp_e(gate * x[t]). Tokens are grouped by expert, so that each expert's weights are
// read once.
struct Experts {
  Rows x_TD;
  Routing routing;
  std::span<const ExpertWeights> experts;  // [E]
  Rows x_RD, y_RD;                         // scratch, R = T * K: one row for each (token, expert)
  Rows gate_RF, up_RF;                     // scratch
  Rows y_TD;
  const ExpertUpdates* updates = nullptr;  // null: none
};

}  // namespace paddock::kernels
