// SPDX-License-Identifier: Apache-2.0
#include "llama4/forward.h"

#include <cmath>
#include <vector>

#include "base/check.h"
#include "llama4/adapter/step_adapters.h"

namespace paddock::llama4 {
namespace {

// One step in flight: what every layer needs to know about it, and where it works.
class StepInFlight {
 public:
  StepInFlight(const Model& model, const Step& step, const KvMemory& memory, Activations* activations)
      : machine_(*model.machine), config_(model.config), weights_(model.weights), memory_(memory), a_(*activations) {
    int64_t row = 0;
    for (const StepSequence& sequence : step.sequences) {
      const auto count = static_cast<int64_t>(sequence.tokens.size());
      tokens_.insert(tokens_.end(), sequence.tokens.begin(), sequence.tokens.end());
      for (int64_t index = 0; index < count; ++index) positions_.push_back(sequence.first_position + index);
      for (const cache::Group group : {cache::kGlobal, cache::kLocal}) {
        const cache::PageTable& table = sequence.cache->table(group);
        sequences_[group].push_back({row, count, sequence.first_position, table.pages, table.first_page});
      }
      adapters_.add_rows(sequence.adapter, count);
      row += count;
    }
    CHECK(row > 0 && row <= a_.limits.tokens);
    use_rows(row);
  }

  kernels::Rows embed(std::span<const GivenRows> given) {
    machine_.embed({.table_VD = weights_.embedding, .tokens = tokens_, .x_TD = a_.x_TD});
    for (const GivenRows& rows : given) {
      const auto first = static_cast<size_t>(rows.first_row * a_.x_TD.width);
      CHECK(first + rows.x_TD.size() <= static_cast<size_t>(a_.x_TD.rows * a_.x_TD.width));
      machine_.write(std::as_bytes(rows.x_TD), a_.x_TD.address.plus(first * sizeof(float)));
    }
    return a_.x_TD;
  }

  // x += attention(rms_norm(x))
  void attention(size_t layer) {
    const LayerPlan& plan = config_.layers[layer];
    const LayerWeights& w = weights_.layers[layer];
    const kernels::KvPages cache = memory_.pages(layer);
    const auto& sequences = sequences_[memory_.group(layer)];
    const float scale = 1.0f / std::sqrt(static_cast<float>(config_.head_width));

    norm(w.attention_norm);
    machine_.project_qkv({.x_TD = a_.normed_TD,
                          .wq = w.wq,
                          .wk = w.wk,
                          .wv = w.wv,
                          .q_TNH = a_.q_TNH,
                          .k_TGH = a_.k_TGH,
                          .v_TGH = a_.v_TGH});
    update_qkv(layer);
    if (plan.rope) rotate(a_.q_TNH), rotate(a_.k_TGH);
    if (plan.qk_norm) head_norm(a_.q_TNH), head_norm(a_.k_TGH);
    if (plan.temperature)
      machine_.scale_queries({.q_TNH = a_.q_TNH,
                              .positions = positions_,
                              .floor_scale = config_.floor_scale,
                              .scale = config_.attn_scale});
    machine_.append_kv({.k_TGH = a_.k_TGH, .v_TGH = a_.v_TGH, .cache = cache, .sequences = sequences});
    machine_.attend({.q_TNH = a_.q_TNH,
                     .cache = cache,
                     .sequences = sequences,
                     .query_heads = config_.query_heads,
                     .chunk = plan.chunked ? config_.chunk : 0,
                     .scale = scale,
                     .out_TNH = a_.attended_TNH});
    machine_.project({.x_TD = a_.attended_TNH, .weights = w.wo, .y_TO = a_.x_TD, .add = true});
    update(a_.attended_TNH, a_.x_TD, updates(layer, &LayerUpdate::o));
  }

  // x += mlp(rms_norm(x)), or with experts x += shared(rms_norm(x)) + sum of the chosen
  void feed_forward(size_t layer, Observer* observer) {
    const LayerWeights& w = weights_.layers[layer];
    norm(w.feed_forward_norm);
    const int64_t width = w.mlp.gate.outputs;
    const auto gate_updates = updates(layer, &kernels::MlpUpdate::gate);
    const auto up_updates = updates(layer, &kernels::MlpUpdate::up);
    const auto down_updates = updates(layer, &kernels::MlpUpdate::down);
    machine_.mlp({.x_TD = a_.normed_TD,
                  .gate = w.mlp.gate,
                  .up = w.mlp.up,
                  .down = w.mlp.down,
                  .gate_TF = narrowed(a_.gate_TF, width),
                  .up_TF = narrowed(a_.up_TF, width),
                  .y_TD = a_.x_TD,
                  .gate_updates = gate_updates,
                  .up_updates = up_updates,
                  .down_updates = down_updates});
    if (observer != nullptr) observer->gated(static_cast<int>(layer), narrowed(a_.gate_TF, width));
    if (!config_.layers[layer].moe) return;
    machine_.route({.x_TD = a_.normed_TD, .router_ED = w.router, .routing = a_.routing, .scores_TE = a_.scores_TE});
    if (observer != nullptr) observer->routed(static_cast<int>(layer), a_.routing);
    const auto expert_updates = adapters_.experts(layer);
    const kernels::ExpertUpdates of_rows = {adapters_.adapter_of_rows(), expert_updates};
    machine_.experts({.x_TD = a_.normed_TD,
                      .routing = a_.routing,
                      .experts = w.experts,
                      .x_RD = a_.expert_x_RD,
                      .y_RD = a_.expert_y_RD,
                      .gate_RF = a_.expert_gate_RF,
                      .up_RF = a_.expert_up_RF,
                      .y_TD = a_.x_TD,
                      .updates = adapters_.empty() ? nullptr : &of_rows});
  }

  // logits = head(rms_norm(x)), for the rows that somebody reads
  void logits(std::span<const int32_t> rows) {
    if (rows.empty()) return;
    CHECK(static_cast<int64_t>(rows.size()) <= a_.limits.logits);
    machine_.logits({.x_TD = a_.x_TD,
                     .rows = rows,
                     .norm_D = weights_.final_norm,
                     .epsilon = config_.norm_epsilon,
                     .head_VD = weights_.head,
                     .normed_RD = a_.final_RD,
                     .logits_RV = a_.logits_RV});
    if (adapters_.empty()) return;
    const StepAdapters of_rows = adapters_.of_rows(rows);
    const auto count = static_cast<int64_t>(rows.size());
    update(a_.final_RD.first(count), a_.logits_RV.first(count),
           of_rows.updates([](const Adapter& adapter) -> const auto& { return adapter.head(); }));
  }

 private:
  // The activations were made for the largest step; this one has `rows`.
  void use_rows(int64_t rows) {
    for (kernels::Rows* each :
         {&a_.x_TD, &a_.normed_TD, &a_.q_TNH, &a_.k_TGH, &a_.v_TGH, &a_.attended_TNH, &a_.gate_TF, &a_.up_TF})
      each->rows = rows;
    a_.routing.tokens = rows;
  }
  // Layers whose MLP is narrower than the widest use the same memory.
  static kernels::Rows narrowed(const kernels::Rows& rows, int64_t width) { return {rows.address, rows.rows, width}; }

  // What the rows' adapters have of a matrix of the layer.
  std::vector<kernels::UpdatedRows> updates(size_t layer, kernels::LowRank LayerUpdate::*matrix) const {
    return adapters_.updates([&](const Adapter& adapter) -> const auto& { return adapter.layer(layer).*matrix; });
  }
  std::vector<kernels::UpdatedRows> updates(size_t layer, kernels::LowRank kernels::MlpUpdate::*matrix) const {
    return adapters_.updates([&](const Adapter& adapter) -> const auto& { return adapter.layer(layer).mlp.*matrix; });
  }
  void update_qkv(size_t layer) {
    if (adapters_.empty()) return;
    const auto q = updates(layer, &LayerUpdate::q), k = updates(layer, &LayerUpdate::k),
               v = updates(layer, &LayerUpdate::v);
    const kernels::UpdatedProduct products[] = {
        {a_.normed_TD, a_.q_TNH, q}, {a_.normed_TD, a_.k_TGH, k}, {a_.normed_TD, a_.v_TGH, v}};
    machine_.add_low_rank({products});
  }
  void update(const kernels::Rows& x, const kernels::Rows& y, std::span<const kernels::UpdatedRows> updates) {
    if (updates.empty()) return;
    const kernels::UpdatedProduct product = {x, y, updates};
    machine_.add_low_rank({{&product, 1}});
  }

  void norm(const kernels::NormWeight& weight) {
    machine_.rms_norm({.x_TD = a_.x_TD, .weight_D = weight, .epsilon = config_.norm_epsilon, .y_TD = a_.normed_TD});
  }
  void rotate(const kernels::Rows& heads) {
    machine_.rotate({.x_TNH = heads,
                     .head_width = config_.head_width,
                     .positions = positions_,
                     .frequencies = config_.rope_frequencies,
                     .pairs = config_.rope_pairs});
  }
  void head_norm(const kernels::Rows& heads) {
    machine_.head_norm({.x_TNH = heads, .head_width = config_.head_width, .epsilon = config_.norm_epsilon});
  }

  kernels::Machine& machine_;
  const Config& config_;
  const Weights& weights_;
  const KvMemory& memory_;
  Activations& a_;
  std::vector<int32_t> tokens_;
  std::vector<int64_t> positions_;
  std::array<std::vector<kernels::SequenceRows>, cache::kGroups> sequences_;
  StepAdapters adapters_;
};

}  // namespace

void forward(const Model& model, const Step& step, const KvMemory& memory, Activations* activations,
             Observer* observer) {
  StepInFlight flight(model, step, memory, activations);
  const kernels::Rows x_TD = flight.embed(step.given);
  if (observer != nullptr) observer->hidden(-1, x_TD);
  for (size_t layer = 0; layer < model.config.layers.size(); ++layer) {
    flight.attention(layer);
    flight.feed_forward(layer, observer);
    if (observer != nullptr) observer->hidden(static_cast<int>(layer), x_TD);
  }
  flight.logits(step.logits_rows);
}

}  // namespace paddock::llama4
