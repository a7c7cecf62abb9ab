// SPDX-License-Identifier: Apache-2.0
#pragma once
// A grammar as the engine sees it.

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

class GrammarFilter : public engine::TokenFilter {
 public:
  // `cost` outlives it.
  GrammarFilter(grammar::Matcher matcher, size_t mask_words, MaskCost* cost)
      : matcher_(std::move(matcher)), mask_(mask_words), cost_(*cost) {}

  bool restrict(std::span<float> logits) override;
  void accept(int32_t token) override { matcher_.accept(token); }

 private:
  grammar::Matcher matcher_;
  std::vector<uint32_t> mask_;
  MaskCost& cost_;
};

}  // namespace paddock::server
