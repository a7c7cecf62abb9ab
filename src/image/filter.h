// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which old samples make a new one along one axis, and with what weights: a triangle, stretched when the axis shrinks.
//
//   scale = old / new; stretch = max(scale, 1); centre = (i + 0.5) * scale
//   first = max(int(centre - stretch + 0.5), 0);  last = min(int(centre + stretch + 0.5), old)
//   w[j] = max(0, 1 - |(j - centre + 0.5) / stretch|), divided by their sum;  k[j] = int(w[j] * 2^22 + 0.5)
//   new[i] = clamp((sum k[j] * old[j] + 2^21) >> 22, 0, 255)
//
// The same bits as Pillow's bilinear filter. Sums are below 2^32 for any number of samples that fits in memory.

#include <cstdint>
#include <vector>

namespace paddock::image {

inline constexpr int kFilterBits = 22;
inline constexpr int kLowBits = 12;
inline constexpr int64_t kTapGroup = 4;

struct Filter {
  int64_t old_size = 0;
  int64_t new_size = 0;
  int64_t taps = 0;                   // most samples for one output, rounded up to a multiple of kTapGroup
  std::vector<int32_t> first;         // [new_size]
  std::vector<int32_t> count;         // [new_size], at least 1
  std::vector<int32_t> coefficients;  // [new_size, taps], 0 beyond the count

  // For loops that multiply 16-bit numbers: k = high * 2^kLowBits + low, four of high and then four of low for each
  // group of taps.
  std::vector<int16_t> halves;  // [new_size, taps / kTapGroup, 2, kTapGroup]
  // How many of the first outputs have all their taps, and two samples more, inside the old row.
  int64_t inside = 0;

  bool is_identity() const { return old_size == new_size; }
};

Filter make_filter(int64_t old_size, int64_t new_size);

}  // namespace paddock::image
