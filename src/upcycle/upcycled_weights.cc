// SPDX-License-Identifier: Apache-2.0
#include "upcycle/upcycled_weights.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "train/random.h"
#include "upcycle/neurons.h"

namespace paddock::upcycle {
namespace {

using Take = std::function<void(size_t, std::span<const float>)>;

constexpr double kNoise = 0.02;        // deviation of fresh neurons, as models of this family begin
constexpr double kRouterNoise = 0.02;  // of a score where the input's numbers are about 1: gates of 0.495 to 0.505
constexpr float kUndoGate = 2;         // of a gate of 1/2, which scales the input

// A neuron's row of gate or up [F, D], or its column of down [D, F].
class DenseMlp {
 public:
  DenseMlp(std::span<const float> gate, std::span<const float> up, std::span<const float> down, int64_t neurons)
      : gate_(gate), up_(up), down_(down), neurons_(static_cast<size_t>(neurons)), width_(gate.size() / neurons_) {}

  float gate(int64_t neuron, size_t input) const { return gate_[static_cast<size_t>(neuron) * width_ + input]; }
  float up(int64_t neuron, size_t input) const { return up_[static_cast<size_t>(neuron) * width_ + input]; }
  float down(int64_t neuron, size_t output) const { return down_[output * neurons_ + static_cast<size_t>(neuron)]; }
  size_t width() const { return width_; }

 private:
  std::span<const float> gate_, up_, down_;
  size_t neurons_, width_;
};

DenseMlp mlp_of(const DenseWeights& dense, const train::MlpParameters& from) {
  return {dense.of(from.gate), dense.of(from.up), dense.of(from.down), dense.config->dense_width};
}

// An MLP of these neurons; `noise` gives the numbers in front of fresh ones.
void take_neurons(const train::MlpParameters& to, const DenseMlp& mlp, std::span<const int64_t> neurons,
                  const std::function<float()>& noise, const Take& take) {
  const size_t width = mlp.width(), inner = neurons.size();
  std::vector<float> gate(inner * width), up(inner * width), down(width * inner);
  for (size_t neuron = 0; neuron < inner; ++neuron)
    for (size_t column = 0; column < width; ++column) {
      const int64_t from = neurons[neuron];
      gate[neuron * width + column] = from == kFresh ? noise() : mlp.gate(from, column);
      up[neuron * width + column] = from == kFresh ? noise() : mlp.up(from, column);
      down[column * inner + neuron] = from == kFresh ? 0 : mlp.down(from, column);
    }
  take(to.gate, gate);
  take(to.up, up);
  take(to.down, down);
}

}  // namespace

std::span<const float> DenseWeights::of(size_t parameter) const {
  const train::Parameter& place = (*parameters)[parameter];
  return block.subspan(static_cast<size_t>(place.offset), static_cast<size_t>(place.count));
}

struct UpcycledWeights::Layer {
  const train::LayerParameters& to;
  const train::LayerParameters& from;
  const llama4::LayerPlan& plan;
  size_t number, source;  // in the new model, and in the dense one
};

UpcycledWeights::UpcycledWeights(const DenseWeights& dense, const llama4::Config& config,
                                 const train::ParameterList& target, const UpcycleWishes& wishes)
    : dense_(dense), config_(config), target_(target), wishes_(wishes) {}

void UpcycledWeights::each(const std::function<void(const train::Parameter&, std::span<const float>)>& give) const {
  const train::ParameterList& list = *dense_.parameters;
  const Take take = [&](size_t index, std::span<const float> numbers) {
    CHECK(static_cast<int64_t>(numbers.size()) == target_[index].count);
    give(target_[index], numbers);
  };
  take(target_.embedding, dense_.of(list.embedding));
  for (size_t number = 0; number < target_.layers.size(); ++number) {
    const size_t source = wishes_.layers.empty() ? number : static_cast<size_t>(wishes_.layers[number]);
    const Layer layer{target_.layers[number], list.layers[source], config_.layers[number], number, source};
    attention(layer, take);
    take(layer.to.feed_forward_norm, dense_.of(layer.from.feed_forward_norm));
    if (layer.plan.moe) {
      experts(layer, take);
    } else {
      const DenseMlp mlp = mlp_of(dense_, layer.from.mlp);
      const NeuronPlan kept = plan_neurons(strengths(layer), 0, config_.dense_width);
      take_neurons(layer.to.mlp, mlp, kept.shared, nullptr, take);  // none is fresh
    }
  }
  take(target_.final_norm, dense_.of(list.final_norm));
  if (target_.head != target_.embedding) take(target_.head, dense_.of(list.head));
}

// Of the neurons of the layer's MLP.
std::vector<float> UpcycledWeights::strengths(const Layer& layer) const {
  const train::MlpParameters& mlp = layer.from.mlp;
  if (!wishes_.neuron_use.empty()) return strengths_in_use(wishes_.neuron_use[layer.source], dense_.of(mlp.down));
  return neuron_strengths(dense_.of(mlp.gate), dense_.of(mlp.up), dense_.of(mlp.down), dense_.config->dense_width);
}

void UpcycledWeights::attention(const Layer& layer, const Take& take) const {
  take(layer.to.attention_norm, dense_.of(layer.from.attention_norm));
  take(layer.to.q, interleaved(dense_.of(layer.from.q), config_.query_heads));
  take(layer.to.k, interleaved(dense_.of(layer.from.k), config_.kv_heads));
  take(layer.to.v, dense_.of(layer.from.v));
  take(layer.to.o, dense_.of(layer.from.o));
}

// Rows of a head: a Llama of Hugging Face turns row j with row j + H / 2, a Llama 4 row 2 j with row 2 j + 1.
std::vector<float> UpcycledWeights::interleaved(std::span<const float> matrix, int64_t heads) const {
  std::vector<float> rows(matrix.begin(), matrix.end());
  if (dense_.config->rope_pairs == config_.rope_pairs) return rows;
  const auto width = static_cast<size_t>(config_.width), head = static_cast<size_t>(config_.head_width);
  for (size_t row = 0; row < static_cast<size_t>(heads) * head; ++row) {
    const size_t in_head = row % head, from = row - in_head + in_head / 2 + (in_head % 2) * (head / 2);
    std::copy_n(matrix.begin() + static_cast<std::ptrdiff_t>(from * width), width,
                rows.begin() + static_cast<std::ptrdiff_t>(row * width));
  }
  return rows;
}

void UpcycledWeights::experts(const Layer& layer, const Take& take) const {
  const DenseMlp mlp = mlp_of(dense_, layer.from.mlp);
  NeuronPlan plan = plan_neurons(strengths(layer), wishes_.experts, config_.expert_width);
  if (wishes_.start == ExpertStart::kNoise)
    for (std::vector<int64_t>& slice : plan.experts) std::ranges::fill(slice, kFresh);
  const bool adds_nothing = plan.is_exact || wishes_.start == ExpertStart::kNoise;

  // Each layer has a stream of its own: other layers kept give a layer the same numbers.
  train::RandomNumbers numbers(wishes_.seed, layer.number);
  const size_t width = mlp.width(), inner = plan.shared.size();
  const auto noise = [&] { return static_cast<float>(kNoise * numbers.normal()); };

  std::vector<float> router(static_cast<size_t>(wishes_.experts) * width);
  for (float& number : router)
    number = static_cast<float>(kRouterNoise / std::sqrt(static_cast<double>(width)) * numbers.normal());
  take(layer.to.router, router);

  take_neurons(layer.to.mlp, mlp, plan.shared, noise, take);

  // Inputs first: [E, D, 2 F], gate before up; [E, F, D].
  std::vector<float> gate_up(plan.experts.size() * width * 2 * inner), downs(plan.experts.size() * inner * width);
  for (size_t expert = 0; expert < plan.experts.size(); ++expert)
    for (size_t neuron = 0; neuron < inner; ++neuron) {
      const int64_t from = plan.experts[expert][neuron];
      for (size_t column = 0; column < width; ++column) {
        const size_t input = (expert * width + column) * 2 * inner + neuron;
        gate_up[input] = from == kFresh ? noise() : kUndoGate * mlp.gate(from, column);
        gate_up[input + inner] = from == kFresh ? noise() : kUndoGate * mlp.up(from, column);
        if (from != kFresh && !adds_nothing) downs[(expert * inner + neuron) * width + column] = mlp.down(from, column);
      }
    }
  take(layer.to.experts_gate_up, gate_up);
  take(layer.to.experts_down, downs);
}

}  // namespace paddock::upcycle
