// SPDX-License-Identifier: Apache-2.0
#pragma once
// How likely tokens are beside the most likely one, which of them may be drawn, and the drawing. Ties go to the lowest
// id. Logits that are not a number, from broken weights, can never be chosen.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "kernels/contracts/likelihoods.h"

namespace paddock::engine {

// Scratch for one row of logits. What it gives depends on the logits alone: neither on the machine nor on its threads.
class Likelihoods {
 public:
  explicit Likelihoods(const kernels::LikelihoodKernels& kernels = kernels::likelihood_kernels())
      : kernels_(&kernels) {}

  int32_t most_likely(std::span<const float> logits);
  // Most likely first.
  std::vector<int32_t> most_likely(std::span<const float> logits, int32_t count);
  // ln of the sum of exp(logits).
  double log_sum_exp(std::span<const float> logits);
  // The same of all tokens, and of those that are not among `tokens`, which are different ones: added up by themselves,
  // because what all have less what these have would cancel.
  struct LogSums {
    double all, others;
  };
  LogSums log_sums(std::span<const float> logits, std::span<const int32_t> tokens);

  // The tokens that may be drawn: all, or the `count` most likely, as far as they reach softening.least.
  void weigh_all(std::span<const float> logits, const kernels::Softening& softening);
  void weigh_most_likely(std::span<const float> logits, int32_t count, const kernels::Softening& softening);
  // Keeps the fewest that reach `share` of what all together weigh, at least one.
  void keep_nucleus(double share);
  // The token where `share` of their weight is reached, in the order of ids. None when no sum of them is a number.
  std::optional<int32_t> at(double share);

 private:
  float find_lane_maxima(std::span<const float> logits);
  void find_most_likely(std::span<const float> logits, int32_t count);
  double sum(float least);
  void keep(float least);

  const kernels::LikelihoodKernels* kernels_;
  std::vector<float> maxima_;  // of lanes
  std::vector<int32_t> places_;
  std::vector<float> weights_;   // of tokens_, or of all tokens where `all_`
  std::vector<int32_t> tokens_;  // in order
  bool all_ = false;
  std::vector<float> sums_;  // of blocks of weights_
};

}  // namespace paddock::engine
