// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a prediction costs, and the gradient of its logits. Rows whose weight is 0 cost what they cost and have gradient
// 0; the gradient takes the place of the logits where it is wanted.

#include <cstdint>
#include <span>

#include "kernels/contracts/memory.h"

namespace paddock::kernels {

// A target that is no token: the row is left out, its loss is 0.
inline constexpr int32_t kNoTarget = -100;

// loss[r] = logsumexp(z[r]) - z[r, target];   dz[r] = weight[r] (softmax(z[r]) - onehot(target))
struct TokenLoss {
  Rows logits_RV;
  std::span<const int32_t> targets;  // [R]
  std::span<const float> weights;    // [R], d loss / d loss[r]; empty: no gradient, the logits stay
  std::span<double> losses;          // [R], written
};

// A teacher's K best tokens and the mass outside them are K + 1 buckets. u = log softmax(z) of these tokens and the log
// of the student's own mass outside them, p = softmax([logprobs, tail] / T), q = softmax(u / T):
//   kd[r] = T^2 sum_j p_j (ln p_j - ln q_j)                                          (Hinton et al., arXiv 1503.02531)
//   dz[r] = weight[r] (alpha[r] d kd[r] / dz + (1 - alpha[r]) d loss[r] / dz)
struct DistilledLoss {
  TokenLoss hard;
  std::span<const int32_t> ids;     // [R, K], different ones
  std::span<const float> logprobs;  // [R, K]
  std::span<const float> tails;     // [R], log of the teacher's mass outside; -inf where there is none
  int64_t kept = 0;                 // K
  float temperature = 1;            // T
  float alpha = 1;                  // of every row
  std::span<double> divergences;    // [R], kd, written
  std::span<const float> alphas;    // [R], of each row instead; empty: none
};

}  // namespace paddock::kernels
