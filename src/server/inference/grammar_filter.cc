// SPDX-License-Identifier: Apache-2.0
#include "server/inference/grammar_filter.h"

#include <algorithm>
#include <chrono>
#include <limits>

namespace paddock::server {

bool GrammarFilter::fill_mask() {
  bool any = matchers_.front().fill_mask(mask_);
  for (size_t other = 1; other < matchers_.size(); ++other) {
    any |= matchers_[other].fill_mask(other_mask_);
    for (size_t word = 0; word < mask_.size(); ++word) mask_[word] |= other_mask_[word];
  }
  return any;
}

void GrammarFilter::accept(int32_t token) {
  std::vector<grammar::Matcher> accepting;
  for (grammar::Matcher& matcher : matchers_)
    if (matcher.accept(token)) accepting.push_back(std::move(matcher));
  if (!accepting.empty()) matchers_ = std::move(accepting);
}

bool GrammarFilter::restrict(std::span<float> logits) {
  const auto start = std::chrono::steady_clock::now();
  constexpr float kNever = -std::numeric_limits<float>::infinity();
  const bool any = fill_mask();
  for (size_t word = 0; word < mask_.size(); ++word) {
    const uint32_t allowed = mask_[word];
    if (allowed == ~uint32_t{0}) continue;
    const size_t first = word * 32, end = std::min(first + 32, logits.size());
    for (size_t token = first; token < end; ++token)
      if ((allowed >> (token - first) & 1) == 0) logits[token] = kNever;
  }
  // A model may have more rows than its tokenizer has names.
  if (mask_.size() * 32 < logits.size())
    std::fill(logits.begin() + static_cast<ptrdiff_t>(mask_.size() * 32), logits.end(), kNever);
  cost_.masks.fetch_add(1, std::memory_order_relaxed);
  cost_.nanoseconds.fetch_add((std::chrono::steady_clock::now() - start).count(), std::memory_order_relaxed);
  return any;
}

}  // namespace paddock::server
