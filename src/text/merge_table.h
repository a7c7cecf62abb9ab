// SPDX-License-Identifier: Apache-2.0
#pragma once
// Byte pair encoding: which two neighbouring tokens become one, in which order, and doing so to a piece of text.

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "text/token_table.h"

namespace paddock::text {

// `left` and `right` side by side become `result`. Lower ranks go first, of equal ranks the leftmost.
struct Merge {
  TokenId left = kNoToken;
  TokenId right = kNoToken;
  TokenId result = kNoToken;
  uint32_t rank = 0;
};

// Every merge that tiktoken's rule implies: two neighbours merge where their bytes together are a token, ranked by its
// id. Llama 4 has 439,802; a made-up vocabulary of tokens inside tokens could have as many as its bytes, so more than
// kMaxMerges are refused.
constexpr size_t kMaxMerges = 1 << 22;
Result<std::vector<Merge>> merges_of_ranks(const TokenTable& tokens);

// Const methods may be called by any thread.
class MergeTable {
 public:
  // Of several merges of the same pair the last counts.
  explicit MergeTable(const std::vector<Merge>& merges);

  struct Found {
    uint32_t rank;  // kNoRank where the pair does not merge
    TokenId result;
  };
  static constexpr uint32_t kNoRank = UINT32_MAX;
  Found find(TokenId left, TokenId right) const;

  // Merges `tokens` in place until no neighbours merge: O(n log n) for n tokens.
  void apply(std::vector<TokenId>& tokens) const;

 private:
  struct Slot {
    uint64_t pair = UINT64_MAX;  // left above right; UINT64_MAX: free
    uint32_t rank = kNoRank;
    TokenId result = kNoToken;
  };

  size_t slot_of(uint64_t pair) const;
  void apply_to_short(std::vector<TokenId>& tokens) const;
  void apply_to_long(std::vector<TokenId>& tokens) const;

  std::vector<Slot> slots_;  // open addressing, a power of two, at most half full
  size_t mask_;
  uint64_t seed_;
};

}  // namespace paddock::text
