// SPDX-License-Identifier: Apache-2.0
#pragma once
// Logits to a token, with the request's own random stream.

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "engine/likelihoods.h"
#include "engine/request.h"

namespace paddock::engine {

// Refuses parameters outside their ranges, by name.
Result<void> check_sampling(const SamplingParameters& parameters, int64_t vocabulary);

// The state of one sequence: what it has said, and its random stream. What it draws depends on its parameters, its
// tokens and its logits alone.
class Sampler {
 public:
  Sampler(const SamplingParameters& parameters, std::span<const int32_t> prompt);

  struct Choice {
    int32_t token;
    std::optional<LogProbabilities> logprobs;
  };
  // `logits` [V] is used as scratch. The chosen token counts as said. None where the filter leaves nothing.
  std::optional<Choice> sample(std::span<float> logits, TokenFilter* filter = nullptr);

 private:
  void apply_penalties(std::span<float> logits) const;
  int32_t draw(std::span<const float> logits, int32_t best);
  double uniform();

  SamplingParameters parameters_;
  uint64_t random_state_;
  std::unordered_map<int32_t, int32_t> said_;  // token -> times in the answer
  std::unordered_map<int32_t, int32_t>
      seen_;  // token -> times in prompt or answer; kept only for the repetition penalty
  Likelihoods likelihoods_;
};

}  // namespace paddock::engine
