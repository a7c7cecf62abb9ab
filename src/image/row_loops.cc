// SPDX-License-Identifier: Apache-2.0
#include "image/row_loops.h"

#include <algorithm>

namespace paddock::image {

namespace {

constexpr uint32_t kHalf = 1u << (kFilterBits - 1);

uint8_t rounded(uint32_t sum) { return static_cast<uint8_t>(std::min((sum + kHalf) >> kFilterBits, 255u)); }

void across(const Filter& filter, const uint8_t* const (&old_rows)[kRowsAtOnce],
            uint8_t* const (&new_rows)[kRowsAtOnce]) {
  for (int row = 0; row < kRowsAtOnce; ++row)
    if (row == 0 || new_rows[row] != new_rows[row - 1]) across_from(filter, old_rows[row], 0, new_rows[row]);
}

void down(const uint8_t* const* rows, const int32_t* coefficients, int64_t count, int64_t bytes, uint8_t* new_row) {
  down_from(rows, coefficients, count, 0, bytes, new_row);
}

void split(const uint8_t* rgb, int64_t count, uint8_t* red, uint8_t* green, uint8_t* blue) {
  for (int64_t i = 0; i < count; ++i) {
    red[i] = rgb[3 * i];
    green[i] = rgb[3 * i + 1];
    blue[i] = rgb[3 * i + 2];
  }
}

}  // namespace

void across_from(const Filter& filter, const uint8_t* old_row, int64_t output, uint8_t* new_row) {
  for (; output < filter.new_size; ++output) {
    const int32_t* const coefficients = filter.coefficients.data() + output * filter.taps;
    const uint8_t* pixel = old_row + 3 * int64_t{filter.first[output]};
    uint32_t red = 0, green = 0, blue = 0;
    for (int64_t tap = 0; tap < filter.count[output]; ++tap, pixel += 3) {
      const auto coefficient = static_cast<uint32_t>(coefficients[tap]);
      red += coefficient * pixel[0];
      green += coefficient * pixel[1];
      blue += coefficient * pixel[2];
    }
    new_row[3 * output] = rounded(red);
    new_row[3 * output + 1] = rounded(green);
    new_row[3 * output + 2] = rounded(blue);
  }
}

void down_from(const uint8_t* const* rows, const int32_t* coefficients, int64_t count, int64_t start, int64_t bytes,
               uint8_t* new_row) {
  constexpr int64_t kBlock = 64;
  for (; start < bytes; start += kBlock) {
    const int64_t length = std::min(kBlock, bytes - start);
    uint32_t sums[kBlock] = {};
    for (int64_t row = 0; row < count; ++row) {
      const uint8_t* const samples = rows[row] + start;
      const auto coefficient = static_cast<uint32_t>(coefficients[row]);
      for (int64_t i = 0; i < length; ++i) sums[i] += coefficient * samples[i];
    }
    for (int64_t i = 0; i < length; ++i) new_row[start + i] = rounded(sums[i]);
  }
}

const RowLoops kPlainLoops{across, down, split};

const RowLoops& best_loops() {
  static const RowLoops& best = __builtin_cpu_supports("avx2") ? kAvx2Loops : kPlainLoops;
  return best;
}

}  // namespace paddock::image
