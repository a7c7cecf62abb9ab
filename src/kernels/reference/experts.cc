// SPDX-License-Identifier: Apache-2.0
// y[t] += sum over the chosen e of mlp_e( sigmoid(score[t, e]) * x[t] )
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "base/check.h"
#include "kernels/host/host_memory.h"
#include "kernels/reference/expert_updates.h"
#include "kernels/reference/machine.h"

namespace paddock::kernels {
namespace {

// A score that is not a number (from broken weights) ranks last, so that choosing stays well defined.
float rank_of(float score) { return std::isnan(score) ? -std::numeric_limits<float>::infinity() : score; }

// The part of `rows` that starts at row `first`.
Rows rows_from(const Rows& rows, int64_t first, int64_t count) {
  return {rows.address.plus(static_cast<size_t>(first * rows.width) * sizeof(float)), count, rows.width};
}

}  // namespace

void ReferenceMachine::route(const Route& op) {
  multiply(op.x_TD, op.router_ED, op.scores_TE, false);
  const int64_t experts = op.router_ED.outputs;
  const int64_t chosen = op.routing.chosen;
  std::vector<int32_t> order(static_cast<size_t>(experts));
  for (int64_t token = 0; token < op.x_TD.rows; ++token) {
    const float* scores = HostMemory::row(op.scores_TE, token);
    std::iota(order.begin(), order.end(), 0);
    std::partial_sort(order.begin(), order.begin() + chosen, order.end(), [&](int32_t a, int32_t b) {
      const float rank_a = rank_of(scores[a]), rank_b = rank_of(scores[b]);
      return rank_a > rank_b || (rank_a == rank_b && a < b);
    });
    for (int64_t choice = 0; choice < chosen; ++choice) {
      const int32_t expert = order[static_cast<size_t>(choice)];
      HostMemory::integers(op.routing.experts_TK)[token * chosen + choice] = expert;
      HostMemory::floats(op.routing.gates_TK)[token * chosen + choice] = 1.0f / (1.0f + std::exp(-scores[expert]));
    }
  }
}

void ReferenceMachine::experts(const Experts& op) {
  const int64_t width = op.x_TD.width;
  const int64_t routed = op.routing.tokens * op.routing.chosen;
  const int32_t* experts_TK = HostMemory::integers(op.routing.experts_TK);
  const float* gates_TK = HostMemory::floats(op.routing.gates_TK);

  // Routed rows in order of expert; within one, in order of token.
  std::vector<int32_t> by_expert(static_cast<size_t>(routed));
  std::iota(by_expert.begin(), by_expert.end(), 0);
  std::stable_sort(by_expert.begin(), by_expert.end(),
                   [&](int32_t a, int32_t b) { return experts_TK[a] < experts_TK[b]; });

  for (int64_t row = 0; row < routed; ++row) {
    const int32_t choice = by_expert[static_cast<size_t>(row)];
    const float* x = HostMemory::row(op.x_TD, choice / op.routing.chosen);
    float* scaled = HostMemory::row(op.x_RD, row);
    for (int64_t index = 0; index < width; ++index) scaled[index] = x[index] * gates_TK[choice];
  }
  std::fill_n(HostMemory::floats(op.y_RD.address), routed * width, 0.0f);

  RoutedUpdates updates(op.updates, by_expert, op.routing.chosen);
  std::vector<Mlp> groups;
  for (int64_t begin = 0, end = 0; begin < routed; begin = end) {
    const int32_t expert = experts_TK[by_expert[static_cast<size_t>(begin)]];
    while (end < routed && experts_TK[by_expert[static_cast<size_t>(end)]] == expert) ++end;
    const int64_t group = end - begin;
    const ExpertWeights& weights = op.experts[static_cast<size_t>(expert)];
    groups.push_back({.x_TD = rows_from(op.x_RD, begin, group),
                      .gate = weights.gate,
                      .up = weights.up,
                      .down = weights.down,
                      .gate_TF = rows_from(op.gate_RF, begin, group),
                      .up_TF = rows_from(op.up_RF, begin, group),
                      .y_TD = rows_from(op.y_RD, begin, group)});
    updates.add_to(&groups.back(), expert, begin, group);
  }
  mlps(groups);
  // A token's experts are added in order of expert, whatever else is in the step.
  for (int64_t row = 0; row < routed; ++row) {
    float* y = HostMemory::row(op.y_TD, by_expert[static_cast<size_t>(row)] / op.routing.chosen);
    const float* part = HostMemory::row(op.y_RD, row);
    for (int64_t index = 0; index < width; ++index) y[index] += part[index];
  }
}

}  // namespace paddock::kernels
