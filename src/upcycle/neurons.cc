// SPDX-License-Identifier: Apache-2.0
#include "upcycle/neurons.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace paddock::upcycle {
namespace {

std::vector<double> row_lengths(std::span<const float> matrix, int64_t rows) {
  const size_t width = matrix.size() / static_cast<size_t>(rows);
  std::vector<double> lengths(static_cast<size_t>(rows));
  for (size_t index = 0; index < matrix.size(); ++index)
    lengths[index / width] += static_cast<double>(matrix[index]) * matrix[index];
  for (double& length : lengths) length = std::sqrt(length);
  return lengths;
}

std::vector<double> column_lengths(std::span<const float> matrix, int64_t columns) {
  std::vector<double> lengths(static_cast<size_t>(columns));
  for (size_t index = 0; index < matrix.size(); ++index)
    lengths[index % lengths.size()] += static_cast<double>(matrix[index]) * matrix[index];
  for (double& length : lengths) length = std::sqrt(length);
  return lengths;
}

}  // namespace

NeuronPlan plan_neurons(std::span<const float> strengths, int64_t experts, int64_t width) {
  std::vector<int64_t> order(strengths.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, std::greater(),
                           [&](int64_t neuron) { return strengths[static_cast<size_t>(neuron)]; });
  const auto in_shared = std::min(strengths.size(), static_cast<size_t>(width));
  NeuronPlan plan;
  plan.shared.assign(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(in_shared));
  // In the order of the model: the sums of a shared expert that has all neurons keep their order.
  std::ranges::sort(plan.shared);
  plan.shared.resize(static_cast<size_t>(width), kFresh);
  plan.is_exact = in_shared == strengths.size();
  const std::span<const int64_t> rest =
      plan.is_exact ? std::span<const int64_t>(order) : std::span(order).subspan(in_shared);
  const auto of_each = std::min(rest.size(), static_cast<size_t>(width));
  for (int64_t expert = 0; expert < experts; ++expert) {
    std::vector<int64_t>& slice = plan.experts.emplace_back();
    for (size_t index = 0; index < of_each; ++index)
      slice.push_back(rest[(static_cast<size_t>(expert) * of_each + index) % rest.size()]);
    slice.resize(static_cast<size_t>(width), kFresh);
  }
  return plan;
}

std::vector<float> neuron_strengths(std::span<const float> gate, std::span<const float> up, std::span<const float> down,
                                    int64_t neurons) {
  const auto of_gate = row_lengths(gate, neurons), of_up = row_lengths(up, neurons),
             of_down = column_lengths(down, neurons);
  std::vector<float> strengths;
  for (size_t neuron = 0; neuron < of_gate.size(); ++neuron)
    strengths.push_back(static_cast<float>(of_gate[neuron] * of_up[neuron] * of_down[neuron]));
  return strengths;
}

std::vector<float> strengths_in_use(std::span<const float> use, std::span<const float> down) {
  const auto of_down = column_lengths(down, static_cast<int64_t>(use.size()));
  std::vector<float> strengths;
  for (size_t neuron = 0; neuron < use.size(); ++neuron)
    strengths.push_back(static_cast<float>(use[neuron] * of_down[neuron]));
  return strengths;
}

}  // namespace paddock::upcycle
