// SPDX-License-Identifier: Apache-2.0
#pragma once
// The loops in which the time of resizing goes, for the processor at hand. All versions give the same bytes: integers
// alone.

#include <cstdint>

#include "image/filter.h"

namespace paddock::image {

inline constexpr int64_t kRowMargin = 32;  // bytes that loops may write behind the end of a row of theirs

struct RowLoops {
  // One row of RGB through a filter of its width. `old_row` is read inside its old_size * 3 bytes only.
  void (*across)(const Filter& filter, const uint8_t* old_row, uint8_t* new_row);
  // `count` rows of `bytes` bytes, weighted: one output of a filter of the height.
  void (*down)(const uint8_t* const* rows, const int32_t* coefficients, int64_t count, int64_t bytes, uint8_t* new_row);
  // RGB to three planes.
  void (*split)(const uint8_t* rgb, int64_t count, uint8_t* red, uint8_t* green, uint8_t* blue);
};

extern const RowLoops kPlainLoops;

// The best that this processor runs.
const RowLoops& best_loops();

}  // namespace paddock::image
