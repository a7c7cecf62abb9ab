// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which neuron of a dense MLP goes where.

#include <cstdint>
#include <span>
#include <vector>

namespace paddock::upcycle {

inline constexpr int64_t kFresh = -1;  // a neuron that begins as noise with a zero behind it

// Each list has the width of an expert.
struct NeuronPlan {
  std::vector<int64_t> shared;
  std::vector<std::vector<int64_t>> experts;
  bool is_exact = false;  // the shared expert has all neurons, so that routed ones must add nothing at first
};

// The strongest go to the shared expert; of the rest the experts get slices, strongest first and one after another,
// round and round where they have room for more. Where nothing is left, slices are of all neurons.
// `strengths`: of each neuron of the dense MLP.
NeuronPlan plan_neurons(std::span<const float> strengths, int64_t experts, int64_t width);

// |gate| |up| |down| of each neuron, the lengths of its rows and column: what it can do to the output when nothing is
// known of its input. gate, up [F, D], down [D, F].
std::vector<float> neuron_strengths(std::span<const float> gate, std::span<const float> up, std::span<const float> down,
                                    int64_t neurons);

// use |down| of each neuron: what it does to the output on the text that `use` was measured on.
std::vector<float> strengths_in_use(std::span<const float> use, std::span<const float> down);

}  // namespace paddock::upcycle
