// SPDX-License-Identifier: Apache-2.0
#pragma once
// Byte pair encoding: which two neighbouring tokens become one, in which order, and doing so to a piece of text.

#include <cstdint>
#include <span>
#include <vector>

#include "text/token_table.h"

namespace paddock::text {

// `left` and `right` side by side become `result`. Lower ranks go first, of equal ranks the leftmost; merges of equal
// rank have the same result.
struct Merge {
  TokenId left = kNoToken;
  TokenId right = kNoToken;
  TokenId result = kNoToken;
  uint32_t rank = 0;
};

// Every merge that tiktoken's rule implies: two neighbours merge where their bytes together are a token, ranked by its
// id. Llama 4 has 439,802; a made-up vocabulary of tokens inside tokens could have as many as its bytes, so more than
// kMaxMerges are refused.
constexpr size_t kMaxMerges = 4'000'000;
Result<std::vector<Merge>> merges_of_ranks(const TokenTable& tokens);

// Const methods may be called by any thread.
class MergeTable {
 public:
  // `merges` in order of rank, at most kMaxMerges. Of several merges of the same pair the last counts.
  explicit MergeTable(const std::vector<Merge>& merges);

  // Merges `tokens` in place until no neighbours merge, and returns how many are left, at the front: O(n log n) for n
  // tokens.
  size_t apply(std::span<TokenId> tokens) const;

 private:
  // A rank counted without gaps, so that a pair and its rank fit a word: the table of a real vocabulary is larger than
  // the caches near the processor, and to look into it is what encoding waits for.
  using Order = uint32_t;
  static constexpr int kIdBits = 21;
  static constexpr int kOrderBits = 22;
  static constexpr Order kNone = (1u << kOrderBits) - 1;  // the pair does not merge
  static_assert(kMaxTokenId < 1 << kIdBits && kMaxMerges <= kNone && 2 * kIdBits + kOrderBits == 64);

  Order find(TokenId left, TokenId right) const;
  size_t slot_of(uint64_t pair) const;
  size_t apply_to_short(std::span<TokenId> tokens) const;
  size_t apply_to_long(std::span<TokenId> tokens) const;

  std::vector<uint64_t> slots_;   // left, right, order; open addressing, a power of two, at most half full
  std::vector<TokenId> results_;  // by order
  size_t mask_;
  uint64_t seed_;
};

}  // namespace paddock::text
