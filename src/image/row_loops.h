// SPDX-License-Identifier: Apache-2.0
#pragma once
// The loops in which the time of resizing goes, for the processor at hand. All versions give the same bytes: integers
// alone.

#include <cstdint>

#include "image/filter.h"

namespace paddock::image {

inline constexpr int64_t kRowMargin = 32;  // bytes that loops may write behind the end of a row of theirs

inline constexpr int kRowsAtOnce = 4;

struct RowLoops {
  // Rows of RGB through a filter of their width, several at once so that they share its coefficients. Of each old row
  // only its old_size * 3 bytes are read. The same row may be given more than once.
  void (*across)(const Filter& filter, const uint8_t* const (&old_rows)[kRowsAtOnce],
                 uint8_t* const (&new_rows)[kRowsAtOnce]);
  // `count` rows of `bytes` bytes, weighted: one output of a filter of the height.
  void (*down)(const uint8_t* const* rows, const int32_t* coefficients, int64_t count, int64_t bytes, uint8_t* new_row);
  // RGB to three planes.
  void (*split)(const uint8_t* rgb, int64_t count, uint8_t* red, uint8_t* green, uint8_t* blue);
};

extern const RowLoops kPlainLoops;  // for any processor
extern const RowLoops kAvx2Loops;   // for those with AVX2

// The best that this processor runs.
const RowLoops& best_loops();

// Plain loops for what is left over at the end of a row: outputs from `output` on, bytes from `start` on.
void across_from(const Filter& filter, const uint8_t* old_row, int64_t output, uint8_t* new_row);
void down_from(const uint8_t* const* rows, const int32_t* coefficients, int64_t count, int64_t start, int64_t bytes,
               uint8_t* new_row);

}  // namespace paddock::image
