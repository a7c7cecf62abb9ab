// SPDX-License-Identifier: Apache-2.0
#include "train/tape.h"

#include <algorithm>

#include "train/linear.h"

namespace paddock::train {
namespace {

using kernels::Rows;

class Placer {
 public:
  explicit Placer(kernels::Address base) : base_(base) {}
  kernels::Address place(int64_t numbers) {
    const kernels::Address at = base_.plus(used_);
    used_ += (static_cast<size_t>(numbers) * sizeof(float) + 63) / 64 * 64;
    return at;
  }
  Rows rows(int64_t count, int64_t width) { return {place(count * width), count, width}; }
  size_t used() const { return used_; }

 private:
  kernels::Address base_;
  size_t used_ = 0;
};

class Layout {
 public:
  Layout(const llama4::Config& config, const TapeWishes& wishes, Placer* placer)
      : config_(config),
        wishes_(wishes),
        placer_(*placer),
        tokens_(wishes.tokens),
        queries_(config.query_heads * config.head_width),
        keys_(config.kv_heads * config.head_width),
        choices_(tokens_ * config.experts_per_token) {}

  LayerTape layer(const llama4::LayerPlan& plan) {
    LayerTape tape;
    tape.middle = of_width();
    tape.q = placer_.rows(tokens_, queries_);
    tape.k = placer_.rows(tokens_, keys_);
    tape.v = placer_.rows(tokens_, keys_);
    tape.q_turned = plan.qk_norm ? placer_.rows(tokens_, queries_) : tape.q;
    tape.k_turned = plan.qk_norm ? placer_.rows(tokens_, keys_) : tape.k;
    tape.attended = placer_.rows(tokens_, queries_);
    tape.lse = placer_.place(tokens_ * config_.query_heads);
    tape.gate_up = placer_.rows(tokens_, 2 * (plan.moe ? config_.expert_width : config_.dense_width));
    if (!plan.moe) return tape;
    tape.scores = placer_.rows(tokens_, config_.experts);
    tape.routing = {placer_.place(choices_), placer_.place(choices_), tokens_, config_.experts_per_token};
    tape.expert_gate_up = placer_.rows(choices_, 2 * config_.expert_width);
    return tape;
  }

  Rows of_width() { return placer_.rows(tokens_, config_.width); }

  Workspace workspace() {
    Workspace work;
    work.normed = of_width();
    work.dnormed = of_width();
    work.dx = of_width();
    const bool any_moe = std::ranges::any_of(config_.layers, [](const auto& plan) { return plan.moe; });
    const bool all_moe = std::ranges::all_of(config_.layers, [](const auto& plan) { return plan.moe; });
    const int64_t inner = std::max(all_moe ? 0 : config_.dense_width, any_moe ? config_.expert_width : 0);
    work.inner = placer_.rows(tokens_, inner);
    work.dinner = placer_.rows(tokens_, inner);
    work.dq = placer_.rows(tokens_, queries_);
    work.dk = placer_.rows(tokens_, keys_);
    work.dv = placer_.rows(tokens_, keys_);
    work.dattended = placer_.rows(tokens_, queries_);
    if (any_moe) {
      work.rows = placer_.rows(choices_, config_.width);
      work.drows = placer_.rows(choices_, config_.width);
      work.expert_inner = placer_.rows(choices_, config_.expert_width);
      work.expert_dinner = placer_.rows(choices_, config_.expert_width);
      work.dgates = placer_.place(choices_);
      work.dscores = placer_.rows(tokens_, config_.experts);
    }
    work.logits = placer_.rows(wishes_.logits_rows, config_.vocabulary);
    work.update_scratch = placer_.place(3 * Linears::scratch_floats(std::max(tokens_, choices_), wishes_.rank));
    return work;
  }

 private:
  const llama4::Config& config_;
  const TapeWishes& wishes_;
  Placer& placer_;
  int64_t tokens_, queries_, keys_, choices_;
};

}  // namespace

Tape lay_out_tape(const llama4::Config& config, const TapeWishes& wishes, kernels::Address base, size_t* bytes) {
  Placer placer(base);
  Layout layout(config, wishes, &placer);
  Tape tape;
  std::vector<Rows> inputs;
  for (size_t layer = 0; layer <= config.layers.size(); ++layer) inputs.push_back(layout.of_width());
  if (wishes.recompute) {
    // Layers take turns in one place that is large enough for each.
    const Placer shared = placer;
    size_t most = 0;
    for (const llama4::LayerPlan& plan : config.layers) {
      placer = shared;
      tape.layers.push_back(layout.layer(plan));
      most = std::max(most, placer.used());
    }
    placer = shared;
    placer.place(static_cast<int64_t>((most - placer.used()) / sizeof(float)));
  } else {
    for (const llama4::LayerPlan& plan : config.layers) tape.layers.push_back(layout.layer(plan));
  }
  for (size_t layer = 0; layer < config.layers.size(); ++layer) tape.layers[layer].x = inputs[layer];
  tape.last = inputs.back();
  tape.work = layout.workspace();
  *bytes = placer.used();
  return tape;
}

}  // namespace paddock::train
