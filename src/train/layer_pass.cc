// SPDX-License-Identifier: Apache-2.0
#include "train/layer_pass.h"

#include <cmath>

#include "base/check.h"
#include "train/choice_bias.h"

namespace paddock::train {
namespace {

using kernels::Plane;
using kernels::Rows;

Rows narrowed(const Rows& rows, int64_t width) { return {rows.address, rows.rows, width}; }

// The two halves of [a | b].
Plane left(const Rows& rows) { return Plane::of(rows).columns_from(0, rows.width / 2); }
Plane right(const Rows& rows) { return Plane::of(rows).columns_from(rows.width / 2, rows.width / 2); }

int64_t numbers(const Rows& rows) { return rows.rows * rows.width; }

}  // namespace

BatchFacts facts_of(const Batch& batch, const llama4::Config& config) {
  return {
      {batch.positions.begin(), batch.positions.end()}, first_visible(batch, 0), first_visible(batch, config.chunk)};
}

ExpertRows sort_by_expert(std::span<const int32_t> choices, int64_t experts) {
  ExpertRows sorted;
  sorted.first_row.assign(static_cast<size_t>(experts + 1), 0);
  for (const int32_t expert : choices) ++sorted.first_row[static_cast<size_t>(expert) + 1];
  for (size_t expert = 0; expert < static_cast<size_t>(experts); ++expert) {
    sorted.fractions.push_back(
        static_cast<float>(static_cast<double>(sorted.first_row[expert + 1]) / static_cast<double>(choices.size())));
    sorted.first_row[expert + 1] += sorted.first_row[expert];
  }
  std::vector<int64_t> next = sorted.first_row;
  sorted.choice_of_row.resize(choices.size());
  sorted.row_of_choice.resize(choices.size());
  for (size_t choice = 0; choice < choices.size(); ++choice) {
    const int64_t row = next[static_cast<size_t>(choices[choice])]++;
    sorted.row_of_choice[choice] = static_cast<int32_t>(row);
    sorted.choice_of_row[static_cast<size_t>(row)] = static_cast<int32_t>(choice);
  }
  return sorted;
}

LayerPass::LayerPass(const TrainedModel& model, size_t layer, LayerTape* tape, const Workspace& work,
                     const BatchFacts& facts)
    : model_(model),
      config_(*model.config),
      plan_(config_.layers[layer]),
      parameters_(model.parameters->layers[layer]),
      trainer_(*model.trainer),
      machine_(*model.machine),
      tape_(*tape),
      work_(work),
      facts_(facts),
      linears_(model.trainer, work.update_scratch, model.rounded) {
  if (model.choice_bias != nullptr && !model.choice_bias->empty()) bias_ = (*model.choice_bias)[layer];
}

ExpertRows LayerPass::forward(const Rows& out) {
  attention_forward();
  norm(parameters_.feed_forward_norm, tape_.middle);
  trainer_.copy(tape_.middle.address, out.address, numbers(out));
  mlp_forward(out);
  return plan_.moe ? experts_forward(out) : ExpertRows();
}

void LayerPass::backward(const ExpertRows& experts, float balance_weight, float z_weight) {
  norm(parameters_.feed_forward_norm, tape_.middle);
  mlp_backward();
  if (plan_.moe) experts_backward(experts, balance_weight, z_weight);
  norm_backward(parameters_.feed_forward_norm, tape_.middle);
  attention_backward();
}

// middle = x + o(attention(norm(x)))
void LayerPass::attention_forward() {
  norm(parameters_.attention_norm, tape_.x);
  const Plane x = Plane::of(work_.normed);
  const Use uses[] = {{model_.weight(parameters_.q), x, Plane::of(tape_.q)},
                      {model_.weight(parameters_.k), x, Plane::of(tape_.k)},
                      {model_.weight(parameters_.v), x, Plane::of(tape_.v)}};
  linears_.forward(uses, false);
  if (plan_.rope) turn(tape_.q, false), turn(tape_.k, false);
  if (plan_.qk_norm) {
    trainer_.copy(tape_.q.address, tape_.q_turned.address, numbers(tape_.q));
    trainer_.copy(tape_.k.address, tape_.k_turned.address, numbers(tape_.k));
    for (const Rows& rows : {tape_.q, tape_.k})
      machine_.head_norm({.x_TNH = rows, .head_width = config_.head_width, .epsilon = config_.norm_epsilon});
  }
  if (plan_.temperature)
    machine_.scale_queries({.q_TNH = tape_.q,
                            .positions = facts_.positions,
                            .floor_scale = config_.floor_scale,
                            .scale = config_.attn_scale});
  trainer_.attend(attention());
  trainer_.copy(tape_.x.address, tape_.middle.address, numbers(tape_.x));
  const Use out[] = {{model_.weight(parameters_.o), Plane::of(tape_.attended), Plane::of(tape_.middle)}};
  linears_.forward(out, true);
}

void LayerPass::attention_backward() {
  const Use out[] = {
      {model_.weight(parameters_.o), Plane::of(tape_.attended), Plane::of(work_.dx), Plane::of(work_.dattended)}};
  linears_.backward(out, false);
  trainer_.attend_backward(
      {.forward = attention(), .dout = work_.dattended, .dq = work_.dq, .dk = work_.dk, .dv = work_.dv});
  if (plan_.temperature)
    machine_.scale_queries({.q_TNH = work_.dq,
                            .positions = facts_.positions,
                            .floor_scale = config_.floor_scale,
                            .scale = config_.attn_scale});
  if (plan_.qk_norm)
    for (const auto& [x, dx] : {std::pair(tape_.q_turned, work_.dq), std::pair(tape_.k_turned, work_.dk)})
      trainer_.norm_backward({.x = x,
                              .weight = {},
                              .group = config_.head_width,
                              .epsilon = config_.norm_epsilon,
                              .dy = dx,
                              .dx = dx,
                              .add = false,
                              .dweight = {}});
  if (plan_.rope) turn(work_.dq, true), turn(work_.dk, true);
  norm(parameters_.attention_norm, tape_.x);
  const Plane x = Plane::of(work_.normed), dx = Plane::of(work_.dnormed);
  const Use of_q[] = {{model_.weight(parameters_.q), x, Plane::of(work_.dq), dx}};
  const Use of_k[] = {{model_.weight(parameters_.k), x, Plane::of(work_.dk), dx}};
  const Use of_v[] = {{model_.weight(parameters_.v), x, Plane::of(work_.dv), dx}};
  linears_.backward(of_q, false);
  linears_.backward(of_k, true);
  linears_.backward(of_v, true);
  norm_backward(parameters_.attention_norm, tape_.x);
}

// out += down(silu(gate x) up x), of a dense layer or the shared expert
void LayerPass::mlp_forward(const Rows& out) {
  const MlpParameters& mlp = parameters_.mlp;
  const Plane x = Plane::of(work_.normed);
  const Use uses[] = {{model_.weight(mlp.gate), x, left(tape_.gate_up)},
                      {model_.weight(mlp.up), x, right(tape_.gate_up)}};
  linears_.forward(uses, false);
  const Rows inner = narrowed(work_.inner, tape_.gate_up.width / 2);
  trainer_.silu_product({.gate_up = tape_.gate_up, .inner = inner});
  const Use down[] = {{model_.weight(mlp.down), Plane::of(inner), Plane::of(out)}};
  linears_.forward(down, true);
}

// From work.dx to work.dnormed.
void LayerPass::mlp_backward() {
  const MlpParameters& mlp = parameters_.mlp;
  const int64_t width = tape_.gate_up.width / 2;
  const Rows inner = narrowed(work_.inner, width), dinner = narrowed(work_.dinner, width);
  trainer_.silu_product({.gate_up = tape_.gate_up, .inner = inner});
  const Use down[] = {{model_.weight(mlp.down), Plane::of(inner), Plane::of(work_.dx), Plane::of(dinner)}};
  linears_.backward(down, false);
  trainer_.silu_product_backward({.gate_up = tape_.gate_up, .dinner = dinner});
  const Plane x = Plane::of(work_.normed), dx = Plane::of(work_.dnormed);
  const Use gate[] = {{model_.weight(mlp.gate), x, left(tape_.gate_up), dx}};
  const Use up[] = {{model_.weight(mlp.up), x, right(tape_.gate_up), dx}};
  linears_.backward(gate, false);
  linears_.backward(up, true);
}

// out += sum over the chosen experts of expert(gate x)
ExpertRows LayerPass::experts_forward(const Rows& out) {
  machine_.route({.x_TD = work_.normed, .router_ED = router(), .routing = tape_.routing, .scores_TE = tape_.scores});
  if (!bias_.empty()) choose_with_bias(&machine_, tape_.scores, bias_, tape_.routing);
  std::vector<int32_t> choices(static_cast<size_t>(tape_.routing.tokens * tape_.routing.chosen));
  machine_.read(tape_.routing.experts_TK, std::as_writable_bytes(std::span(choices)));
  ExpertRows experts = sort_by_expert(choices, config_.experts);
  const kernels::ExpertOrder order = experts.order(tape_.routing.chosen);
  trainer_.dispatch({.x_TD = work_.normed, .gates_TK = tape_.routing.gates_TK, .order = order, .rows_RD = work_.rows});
  linears_.forward(expert_uses(parameters_.experts_gate_up, experts, work_.rows, tape_.expert_gate_up, {}), false);
  trainer_.silu_product({.gate_up = tape_.expert_gate_up, .inner = work_.expert_inner});
  linears_.forward(expert_uses(parameters_.experts_down, experts, work_.expert_inner, work_.drows, {}), false);
  trainer_.collect({.rows_RD = work_.drows, .gates_TK = {}, .order = order, .x_TD = out});
  return experts;
}

// Adds to work.dnormed.
void LayerPass::experts_backward(const ExpertRows& experts, float balance_weight, float z_weight) {
  const kernels::ExpertOrder order = experts.order(tape_.routing.chosen);
  trainer_.silu_product({.gate_up = tape_.expert_gate_up, .inner = work_.expert_inner});
  trainer_.dispatch({.x_TD = work_.dx, .gates_TK = {}, .order = order, .rows_RD = work_.drows});
  linears_.backward(
      expert_uses(parameters_.experts_down, experts, work_.expert_inner, work_.drows, work_.expert_dinner), false);
  trainer_.silu_product_backward({.gate_up = tape_.expert_gate_up, .dinner = work_.expert_dinner});
  trainer_.dispatch({.x_TD = work_.normed, .gates_TK = tape_.routing.gates_TK, .order = order, .rows_RD = work_.rows});
  linears_.backward(expert_uses(parameters_.experts_gate_up, experts, work_.rows, tape_.expert_gate_up, work_.drows),
                    false);
  trainer_.gate_gradients({.rows_RD = work_.drows, .x_TD = work_.normed, .order = order, .dgates_TK = work_.dgates});
  trainer_.collect({.rows_RD = work_.drows, .gates_TK = tape_.routing.gates_TK, .order = order, .x_TD = work_.dnormed});
  trainer_.route_backward({.scores_TE = tape_.scores,
                           .routing = tape_.routing,
                           .dgates_TK = work_.dgates,
                           .fractions = experts.fractions,
                           .balance_weight = balance_weight,
                           .z_weight = z_weight,
                           .dscores_TE = work_.dscores});
  const Use scores[] = {
      {model_.weight(parameters_.router), Plane::of(work_.normed), Plane::of(work_.dscores), Plane::of(work_.dnormed)}};
  linears_.backward(scores, true);
}

kernels::BalanceTerms LayerPass::balance(const ExpertRows& experts) const {
  return trainer_.balance({.scores_TE = tape_.scores, .fractions = experts.fractions});
}

void LayerPass::norm(size_t weight, const Rows& x) {
  machine_.rms_norm({.x_TD = x,
                     .weight_D = {model_.weight_address(weight), tensor::DType::kF32, config_.width},
                     .epsilon = config_.norm_epsilon,
                     .y_TD = work_.normed});
}

void LayerPass::norm_backward(size_t weight, const Rows& x) {
  trainer_.norm_backward({.x = x,
                          .weight = model_.weight_address(weight),
                          .group = config_.width,
                          .epsilon = config_.norm_epsilon,
                          .dy = work_.dnormed,
                          .dx = work_.dx,
                          .add = true,
                          .dweight = model_.gradient_address(weight)});
}

// A rotation's gradient is turned back.
void LayerPass::turn(const Rows& x, bool back) const {
  std::vector<float> frequencies = config_.rope_frequencies;
  if (back)
    for (float& frequency : frequencies) frequency = -frequency;
  machine_.rotate({.x_TNH = x,
                   .head_width = config_.head_width,
                   .positions = facts_.positions,
                   .frequencies = frequencies,
                   .pairs = config_.rope_pairs});
}

kernels::AttendDocuments LayerPass::attention() const {
  return {.q = tape_.q,
          .k = tape_.k,
          .v = tape_.v,
          .heads = config_.query_heads,
          .head_width = config_.head_width,
          .first = plan_.chunked ? facts_.first_of_chunk : facts_.first_of_document,
          .scale = 1.0f / std::sqrt(static_cast<float>(config_.head_width)),
          .out = tape_.attended,
          .lse = tape_.lse};
}

kernels::Matrix LayerPass::router() const {
  return {.weights = model_.weight_address(parameters_.router),
          .dtype = tensor::DType::kF32,
          .outputs = config_.experts,
          .inputs = config_.width,
          .row_stride = static_cast<size_t>(config_.width) * sizeof(float)};
}

std::vector<Use> LayerPass::expert_uses(size_t parameter, const ExpertRows& experts, const Rows& x, const Rows& y,
                                        const Rows& dx) const {
  std::vector<Use> uses;
  for (size_t expert = 0; expert + 1 < experts.first_row.size(); ++expert) {
    const int64_t first = experts.first_row[expert], count = experts.rows_of(expert);
    if (count == 0) continue;
    Use use{model_.weight(parameter, static_cast<int64_t>(expert)), Plane::of(x).rows_from(first, count),
            Plane::of(y).rows_from(first, count)};
    if (!dx.address.is_null()) use.dx = Plane::of(dx).rows_from(first, count);
    uses.push_back(std::move(use));
  }
  return uses;
}

}  // namespace paddock::train
