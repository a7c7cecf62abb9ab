// SPDX-License-Identifier: Apache-2.0
#pragma once
// AdamW over all that a workbench trains, with its moments.

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "train/workbench.h"

namespace paddock::train {

struct OptimiserWishes {
  double beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8;
  double decay = 0.1;      // of matrices; norms do not decay
  double most_norm = 1.0;  // of all gradients together; longer ones are made as long. 0: no limit
  kernels::MomentFormat moments = kernels::MomentFormat::kF32;
  double average = 0;  // a mean of the weights over steps: what is left of it at each. 0: none
};

class Optimiser {
 public:
  // The workbench outlives it.
  static Result<Optimiser> create(const Workbench& bench, const OptimiserWishes& wishes);
  // Beside weights and gradients.
  static size_t bytes(const std::vector<TrainedTensor>& tensors, const OptimiserWishes& wishes);

  // The norm of the gradients as they are.
  double gradient_norm() const;
  // One step with them. `norm` is gradient_norm(), and finite.
  void step(double rate, double norm);
  int64_t steps() const { return steps_; }

  // All that a step changes beside the weights, as bytes: what a checkpoint holds.
  struct Part {
    const char* name;
    kernels::Address address;
    size_t bytes = 0;
  };
  std::vector<Part> parts() const;
  // After the parts have been written to.
  void set_steps(int64_t steps) { steps_ = steps; }

  // The mean of the weights; null where none is kept.
  kernels::Address average() const { return average_.address(); }

 private:
  Optimiser(const Workbench& bench, const OptimiserWishes& wishes);

  const Workbench* bench_;
  OptimiserWishes wishes_;
  kernels::Buffer first_, second_, average_;
  std::vector<TrainedTensor> tensors_;
  int64_t steps_ = 0;
};

}  // namespace paddock::train
