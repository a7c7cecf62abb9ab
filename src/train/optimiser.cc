// SPDX-License-Identifier: Apache-2.0
#include "train/optimiser.h"

#include <algorithm>
#include <cmath>

namespace paddock::train {
namespace {

// Of one of the two moments of all tensors, one after another.
size_t moments_bytes(const std::vector<TrainedTensor>& tensors, kernels::MomentFormat format) {
  size_t bytes = 0;
  for (const TrainedTensor& tensor : tensors) bytes += kernels::moment_bytes(format, tensor.count);
  return bytes;
}

}  // namespace

size_t Optimiser::bytes(const std::vector<TrainedTensor>& tensors, const OptimiserWishes& wishes) {
  size_t bytes = 2 * moments_bytes(tensors, wishes.moments);
  if (wishes.average > 0)
    for (const TrainedTensor& tensor : tensors) bytes += static_cast<size_t>(tensor.count) * sizeof(float);
  return bytes;
}

Optimiser::Optimiser(const Workbench& bench, const OptimiserWishes& wishes)
    : bench_(&bench), wishes_(wishes), tensors_(bench.tensors()) {}

Result<Optimiser> Optimiser::create(const Workbench& bench, const OptimiserWishes& wishes) {
  kernels::Machine& machine = *bench.model().machine;
  Optimiser optimiser(bench, wishes);
  const size_t bytes = moments_bytes(optimiser.tensors_, wishes.moments);
  optimiser.first_ = TRY(machine.allocate(bytes));
  optimiser.second_ = TRY(machine.allocate(bytes));
  if (wishes.average > 0) {
    optimiser.average_ = TRY(machine.allocate(static_cast<size_t>(bench.floats()) * sizeof(float)));
    bench.model().trainer->copy(bench.trained_weights(), optimiser.average_.address(), bench.floats());
  }
  return optimiser;
}

double Optimiser::gradient_norm() const {
  return std::sqrt(bench_->model().trainer->sum_of_squares(bench_->gradients(), bench_->floats()));
}

void Optimiser::step(double rate, double norm) {
  // A little more than the norm, as PyTorch's own clipping divides.
  constexpr double kClipEpsilon = 1e-6;
  kernels::Trainer& trainer = *bench_->model().trainer;
  ++steps_;
  const double clip = wishes_.most_norm > 0 ? std::min(1.0, wishes_.most_norm / (norm + kClipEpsilon)) : 1.0;
  size_t moments = 0;
  for (const TrainedTensor& tensor : tensors_) {
    const size_t offset = static_cast<size_t>(tensor.offset) * sizeof(float);
    trainer.adamw({.weights = bench_->trained_weights().plus(offset),
                   .gradients = bench_->gradients().plus(offset),
                   .first_moments = first_.address().plus(moments),
                   .second_moments = second_.address().plus(moments),
                   .moments = wishes_.moments,
                   .count = tensor.count,
                   .step = steps_,
                   .rate = rate,
                   .decay = tensor.decays ? wishes_.decay : 0,
                   .beta1 = wishes_.beta1,
                   .beta2 = wishes_.beta2,
                   .epsilon = wishes_.epsilon,
                   .clip = clip});
    moments += kernels::moment_bytes(wishes_.moments, tensor.count);
  }
  // Early means are of few steps, not of where training began.
  if (wishes_.average > 0)
    trainer.average(bench_->trained_weights(), average_.address(), bench_->floats(),
                    static_cast<float>(std::min(wishes_.average, static_cast<double>(steps_) / (steps_ + 10.0))));
}

std::vector<Optimiser::Part> Optimiser::parts() const {
  std::vector<Part> parts = {{"first_moments", first_.address(), first_.bytes()},
                             {"second_moments", second_.address(), second_.bytes()}};
  if (!average_.address().is_null()) parts.push_back({"average", average_.address(), average_.bytes()});
  return parts;
}

}  // namespace paddock::train
