// SPDX-License-Identifier: Apache-2.0
#pragma once
// The memory that a step works in: allocated once for the largest step, reused for every layer and every step.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/result.h"
#include "kernels/contracts/machine.h"
#include "llama4/config.h"

namespace paddock::llama4 {

// The largest step that will be asked for.
struct StepLimits {
  int64_t tokens = 512;  // T, over all sequences
  int64_t logits = 64;   // R, rows whose logits are read
};

struct Activations {
  kernels::Rows x_TD;       // the residual stream
  kernels::Rows normed_TD;  // input of attention or feed-forward
  kernels::Rows q_TNH, k_TGH, v_TGH;
  kernels::Rows attended_TNH;
  kernels::Rows gate_TF, up_TF;  // of the dense MLP or the shared expert
  kernels::Rows scores_TE;
  kernels::Routing routing;
  kernels::Rows expert_x_RD, expert_y_RD;  // one row for each (token, chosen expert)
  kernels::Rows expert_gate_RF, expert_up_RF;
  kernels::Rows final_RD;  // normalised rows of which logits are wanted
  kernels::Rows logits_RV;

  StepLimits limits;
  kernels::Buffer memory;  // all of the above
};

// Bytes of Activations for this model; exact.
size_t activation_bytes(const Config& config, const StepLimits& limits);

Result<Activations> allocate_activations(const Config& config, const StepLimits& limits, kernels::Machine* machine);

}  // namespace paddock::llama4
