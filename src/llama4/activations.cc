// SPDX-License-Identifier: Apache-2.0
#include "llama4/activations.h"

#include <algorithm>

namespace paddock::llama4 {
namespace {

// Every buffer starts at a cache line.
constexpr size_t kAlignment = 64;

// Places buffers one after another; with a null base it only counts.
class Placer {
 public:
  explicit Placer(kernels::Address base) : base_(base) {}

  kernels::Rows rows(int64_t count, int64_t width) {
    const kernels::Address address = place(static_cast<size_t>(count) * static_cast<size_t>(width) * sizeof(float));
    return {address, count, width};
  }
  kernels::Address place(size_t bytes) {
    const kernels::Address address = base_.plus(used_);
    used_ += (bytes + kAlignment - 1) / kAlignment * kAlignment;
    return address;
  }
  size_t used() const { return used_; }

 private:
  kernels::Address base_;
  size_t used_ = 0;
};

Activations lay_out(const Config& config, const StepLimits& limits, Placer* placer) {
  int64_t widest_mlp = 0;
  bool moe = false;
  for (const LayerPlan& layer : config.layers) {
    widest_mlp = std::max(widest_mlp, layer.moe ? config.expert_width : config.dense_width);
    moe |= layer.moe;
  }
  const int64_t tokens = limits.tokens;
  const int64_t routed = moe ? tokens * config.experts_per_token : 0;
  const int64_t query_width = config.query_heads * config.head_width;
  const int64_t kv_width = config.kv_heads * config.head_width;

  Activations a;
  a.limits = limits;
  a.x_TD = placer->rows(tokens, config.width);
  a.normed_TD = placer->rows(tokens, config.width);
  a.q_TNH = placer->rows(tokens, query_width);
  a.k_TGH = placer->rows(tokens, kv_width);
  a.v_TGH = placer->rows(tokens, kv_width);
  a.attended_TNH = placer->rows(tokens, query_width);
  a.gate_TF = placer->rows(tokens, widest_mlp);
  a.up_TF = placer->rows(tokens, widest_mlp);
  a.scores_TE = placer->rows(moe ? tokens : 0, config.experts);
  a.routing.experts_TK = placer->place(static_cast<size_t>(routed) * sizeof(int32_t));
  a.routing.gates_TK = placer->place(static_cast<size_t>(routed) * sizeof(float));
  a.routing.chosen = config.experts_per_token;
  a.expert_x_RD = placer->rows(routed, config.width);
  a.expert_y_RD = placer->rows(routed, config.width);
  a.expert_gate_RF = placer->rows(routed, config.expert_width);
  a.expert_up_RF = placer->rows(routed, config.expert_width);
  a.final_RD = placer->rows(limits.logits, config.width);
  a.logits_RV = placer->rows(limits.logits, config.vocabulary);
  return a;
}

}  // namespace

size_t activation_bytes(const Config& config, const StepLimits& limits) {
  Placer placer{kernels::Address()};
  lay_out(config, limits, &placer);
  return placer.used();
}

Result<Activations> allocate_activations(const Config& config, const StepLimits& limits, kernels::Machine* machine) {
  kernels::Buffer memory = TRY(machine->allocate(activation_bytes(config, limits)));
  Placer placer(memory.address());
  Activations activations = lay_out(config, limits, &placer);
  activations.memory = std::move(memory);
  return activations;
}

}  // namespace paddock::llama4
