// SPDX-License-Identifier: Apache-2.0
#pragma once
// What pieces of a text became, for when they come again: words repeat, and merging is the dear part of encoding.

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace paddock::text {

// Lives for one call of encode, so that it is never shared and need not own what it remembers: a piece is a view into
// the text, its ids a range of the ids written so far. A newer piece may take an older one's place.
class PieceMemory {
 public:
  struct Ids {
    size_t begin = 0;
    size_t count = 0;  // 0: not remembered
  };

  explicit PieceMemory(std::string_view text) : text_(text) {}

  Ids recall(std::string_view piece) const;

  // Passes over pieces that do not lie in the text, as those that had a space put before them.
  void remember(std::string_view piece, Ids ids);

 private:
  static constexpr size_t kSlots = 2048;  // 64 KB: stays in the cache next to the core

  struct Slot {
    std::string_view piece;
    Ids ids;
  };

  std::string_view text_;
  std::vector<Slot> slots_;  // empty until something is remembered
};

}  // namespace paddock::text
