// SPDX-License-Identifier: Apache-2.0
#pragma once
// Merges as tokenizer.json and GGUF write them, two texts of the byte-level alphabet, resolved to ids.

#include <string_view>

#include "text/merge_table.h"

namespace paddock::text {

// Turns written merges into ids, in order of rank. Refers to the tokens, which must be complete.
class MergeReader {
 public:
  explicit MergeReader(const TokenTable& tokens) : tokens_(&tokens) {}

  // An error names the merge: one of its sides, or the two together, is no token.
  Result<Merge> read(std::string_view left, std::string_view right);
  // The same for "left right".
  Result<Merge> read(std::string_view both);

 private:
  const TokenTable* tokens_;
  std::string bytes_;  // kept for its memory
  uint32_t next_rank_ = 0;
};

}  // namespace paddock::text
