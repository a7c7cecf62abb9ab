// SPDX-License-Identifier: Apache-2.0
#pragma once
// AdamW over all that a workbench trains, with its moments.

#include <cstdint>

#include "base/result.h"
#include "train/workbench.h"

namespace paddock::train {

struct OptimiserWishes {
  double beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8;
  double decay = 0.1;      // of matrices; norms do not decay
  double most_norm = 1.0;  // of all gradients together; longer ones are made as long. 0: no limit
};

class Optimiser {
 public:
  // The workbench outlives it.
  static Result<Optimiser> create(const Workbench& bench, const OptimiserWishes& wishes);
  static size_t bytes(int64_t floats) { return 2 * static_cast<size_t>(floats) * sizeof(float); }

  // One step with the gradients as they are. Returns their norm before it was limited; when that is not finite,
  // nothing is changed.
  double step(double rate);
  int64_t steps() const { return steps_; }

 private:
  Optimiser(const Workbench& bench, const OptimiserWishes& wishes, kernels::Buffer first, kernels::Buffer second);

  const Workbench* bench_;
  OptimiserWishes wishes_;
  kernels::Buffer first_, second_;
  std::vector<TrainedTensor> tensors_;
  int64_t steps_ = 0;
};

}  // namespace paddock::train
