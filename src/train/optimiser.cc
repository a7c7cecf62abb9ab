// SPDX-License-Identifier: Apache-2.0
#include "train/optimiser.h"

#include <algorithm>
#include <cmath>

namespace paddock::train {

Result<Optimiser> Optimiser::create(const Workbench& bench, const OptimiserWishes& wishes) {
  kernels::Machine& machine = *bench.model().machine;
  const size_t each = bytes(bench.floats()) / 2;
  kernels::Buffer first = TRY(machine.allocate(each));
  kernels::Buffer second = TRY(machine.allocate(each));
  return Optimiser(bench, wishes, std::move(first), std::move(second));
}

Optimiser::Optimiser(const Workbench& bench, const OptimiserWishes& wishes, kernels::Buffer first,
                     kernels::Buffer second)
    : bench_(&bench),
      wishes_(wishes),
      first_(std::move(first)),
      second_(std::move(second)),
      tensors_(bench.tensors()) {}

double Optimiser::step(double rate) {
  // A little more than the norm, as PyTorch's own clipping divides.
  constexpr double kClipEpsilon = 1e-6;
  kernels::Trainer& trainer = *bench_->model().trainer;
  const double norm = std::sqrt(trainer.sum_of_squares(bench_->gradients(), bench_->floats()));
  if (!std::isfinite(norm)) return norm;
  ++steps_;
  const double clip = wishes_.most_norm > 0 ? std::min(1.0, wishes_.most_norm / (norm + kClipEpsilon)) : 1.0;
  for (const TrainedTensor& tensor : tensors_) {
    const size_t offset = static_cast<size_t>(tensor.offset) * sizeof(float);
    trainer.adamw({.weights = bench_->trained_weights().plus(offset),
                   .gradients = bench_->gradients().plus(offset),
                   .first_moments = first_.address().plus(offset),
                   .second_moments = second_.address().plus(offset),
                   .count = tensor.count,
                   .step = steps_,
                   .rate = rate,
                   .decay = tensor.decays ? wishes_.decay : 0,
                   .beta1 = wishes_.beta1,
                   .beta2 = wishes_.beta2,
                   .epsilon = wishes_.epsilon,
                   .clip = clip});
  }
  return norm;
}

}  // namespace paddock::train
