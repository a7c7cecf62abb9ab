// SPDX-License-Identifier: Apache-2.0
#include "train/choice_bias.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/check.h"

namespace paddock::train {

void choose_with_bias(kernels::Machine* machine, const kernels::Rows& scores_TE, std::span<const float> bias_E,
                      const kernels::Routing& routing) {
  const auto experts = bias_E.size(), chosen = static_cast<size_t>(routing.chosen);
  CHECK(static_cast<int64_t>(experts) == scores_TE.width && chosen <= experts);
  const auto tokens = static_cast<size_t>(routing.tokens);
  std::vector<float> scores(tokens * experts), gates(tokens * chosen), sums(experts);
  std::vector<int32_t> choices(tokens * chosen), order(experts);
  machine->read(scores_TE.address, std::as_writable_bytes(std::span(scores)));
  for (size_t token = 0; token < tokens; ++token) {
    const float* row = scores.data() + token * experts;
    for (size_t expert = 0; expert < experts; ++expert) sums[expert] = row[expert] + bias_E[expert];
    std::iota(order.begin(), order.end(), 0);
    std::partial_sort(order.begin(), order.begin() + static_cast<ptrdiff_t>(chosen), order.end(),
                      [&](int32_t one, int32_t other) {
                        const float a = sums[static_cast<size_t>(one)], b = sums[static_cast<size_t>(other)];
                        return a != b ? a > b : one < other;
                      });
    for (size_t choice = 0; choice < chosen; ++choice) {
      choices[token * chosen + choice] = order[choice];
      gates[token * chosen + choice] = 1 / (1 + std::exp(-row[static_cast<size_t>(order[choice])]));
    }
  }
  machine->write(std::as_bytes(std::span(choices)), routing.experts_TK);
  machine->write(std::as_bytes(std::span(gates)), routing.gates_TK);
}

void move_bias(std::span<const int64_t> tokens_E, double rate, std::vector<float>* bias_E) {
  CHECK(bias_E->size() == tokens_E.size());
  const double mean = static_cast<double>(std::accumulate(tokens_E.begin(), tokens_E.end(), int64_t{0})) /
                      static_cast<double>(tokens_E.size());
  for (size_t expert = 0; expert < tokens_E.size(); ++expert) {
    const auto tokens = static_cast<double>(tokens_E[expert]);
    if (tokens != mean) (*bias_E)[expert] += static_cast<float>(tokens < mean ? rate : -rate);
  }
}

}  // namespace paddock::train
