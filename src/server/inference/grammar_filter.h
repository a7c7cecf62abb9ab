// SPDX-License-Identifier: Apache-2.0
#pragma once
// Grammars as the engine sees them.

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/request.h"
#include "grammar/matcher.h"

namespace paddock::server {

// What masks cost, over all requests.
struct MaskCost {
  std::atomic<int64_t> masks{0};
  std::atomic<int64_t> nanoseconds{0};
};

// The text belongs to one of some grammars, whichever the model begins with: a call or an answer in a format.
class GrammarFilter : public engine::TokenFilter {
 public:
  // One matcher or more. `cost` outlives it.
  GrammarFilter(std::vector<grammar::Matcher> matchers, size_t mask_words, MaskCost* cost)
      : matchers_(std::move(matchers)), mask_(mask_words), other_mask_(mask_words), cost_(*cost) {}

  bool restrict(std::span<float> logits) override;
  void accept(int32_t token) override;

 private:
  bool fill_mask();

  std::vector<grammar::Matcher> matchers_;  // those that the text may still belong to
  std::vector<uint32_t> mask_, other_mask_;
  MaskCost& cost_;
};

}  // namespace paddock::server
