// SPDX-License-Identifier: Apache-2.0
#pragma once
// Sums in a fixed order: sixteen interleaved partial sums, then a tree. The order depends on the length alone, the
// rounding error grows with length / 16, and a compiler can keep the partial sums in registers of any width.

#include <cstdint>

namespace paddock::kernels {

inline constexpr int64_t kPartialSums = 16;

inline float add_up(float (&partial)[kPartialSums]) {
  for (int64_t width = kPartialSums / 2; width > 0; width /= 2)
    for (int64_t lane = 0; lane < width; ++lane) partial[lane] += partial[lane + width];
  return partial[0];
}

// sum over i of a[i] * b[i]
inline float dot(const float* a, const float* b, int64_t count) {
  float partial[kPartialSums] = {};
  int64_t start = 0;
  for (; start + kPartialSums <= count; start += kPartialSums)
    for (int64_t lane = 0; lane < kPartialSums; ++lane) partial[lane] += a[start + lane] * b[start + lane];
  for (int64_t lane = 0; start + lane < count; ++lane) partial[lane] += a[start + lane] * b[start + lane];
  return add_up(partial);
}

}  // namespace paddock::kernels
