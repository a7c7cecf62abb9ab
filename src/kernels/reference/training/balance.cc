// SPDX-License-Identifier: Apache-2.0
// balance = E sum_e f_e mean(softmax)_e;  z = mean(logsumexp^2);  and the gradient of the scores
#include <algorithm>
#include <cmath>
#include <vector>

#include "base/check.h"
#include "kernels/host/host_memory.h"
#include "kernels/reference/training/trainer.h"

namespace paddock::kernels {
namespace {

// softmax(scores) into `shares`; returns logsumexp.
double softmax(const float* scores, std::vector<double>* shares) {
  const double largest = *std::max_element(scores, scores + shares->size());
  double sum = 0;
  for (size_t index = 0; index < shares->size(); ++index) sum += (*shares)[index] = std::exp(scores[index] - largest);
  for (double& share : *shares) share /= sum;
  return largest + std::log(sum);
}

double dot(std::span<const float> fractions, const std::vector<double>& shares) {
  double sum = 0;
  for (size_t index = 0; index < shares.size(); ++index) sum += fractions[index] * shares[index];
  return sum;
}

}  // namespace

BalanceTerms ReferenceTrainer::balance(const Balance& op) {
  const auto experts = static_cast<size_t>(op.scores_TE.width);
  const auto tokens = static_cast<double>(op.scores_TE.rows);
  CHECK(op.fractions.size() == experts);
  std::vector<double> shares(experts);
  BalanceTerms terms;
  for (int64_t token = 0; token < op.scores_TE.rows; ++token) {
    const double log_sum = softmax(HostMemory::row(op.scores_TE, token), &shares);
    terms.balance += static_cast<double>(experts) * dot(op.fractions, shares) / tokens;
    terms.z += log_sum * log_sum / tokens;
  }
  return terms;
}

void ReferenceTrainer::route_backward(const RouteBackward& op) {
  const auto experts = static_cast<size_t>(op.scores_TE.width);
  const auto tokens = static_cast<double>(op.scores_TE.rows);
  CHECK(op.fractions.size() == experts && op.routing.tokens == op.scores_TE.rows);
  pool_.parallel_for(op.scores_TE.rows, 16, [&](int64_t begin, int64_t end, int) {
    std::vector<double> shares(experts);
    for (int64_t token = begin; token < end; ++token) {
      const double log_sum = softmax(HostMemory::row(op.scores_TE, token), &shares);
      const double mean = dot(op.fractions, shares);
      float* dscores = HostMemory::row(op.dscores_TE, token);
      for (size_t expert = 0; expert < experts; ++expert)
        dscores[expert] =
            static_cast<float>(shares[expert] *
                               (op.balance_weight * static_cast<double>(experts) * (op.fractions[expert] - mean) +
                                op.z_weight * 2 * log_sum) /
                               tokens);
      for (int64_t choice = token * op.routing.chosen; choice < (token + 1) * op.routing.chosen; ++choice) {
        const double gate = HostMemory::floats(op.routing.gates_TK)[choice];
        dscores[HostMemory::integers(op.routing.experts_TK)[choice]] +=
            static_cast<float>(HostMemory::floats(op.dgates_TK)[choice] * gate * (1 - gate));
      }
    }
  });
}

}  // namespace paddock::kernels
