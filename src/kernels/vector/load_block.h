// SPDX-License-Identifier: Apache-2.0
#pragma once
// Static: each target has its own code.

#include <immintrin.h>

namespace paddock::kernels {

// The 32 numbers at `x`, and the largest of their magnitudes: what is not a number counts as larger than all others.
static inline float load_block(const float* x, __m256 (&values)[4]) {
  // As integers, magnitudes are in order.
  const __m256i magnitude = _mm256_set1_epi32(0x7fffffff);
  __m256i largest = _mm256_setzero_si256();
  for (int part = 0; part < 4; ++part) {
    values[part] = _mm256_loadu_ps(x + part * 8);
    largest = _mm256_max_epu32(largest, _mm256_and_si256(_mm256_castps_si256(values[part]), magnitude));
  }
  __m128i four = _mm_max_epu32(_mm256_castsi256_si128(largest), _mm256_extracti128_si256(largest, 1));
  four = _mm_max_epu32(four, _mm_shuffle_epi32(four, 0x4e));
  four = _mm_max_epu32(four, _mm_shuffle_epi32(four, 0xb1));
  return _mm_cvtss_f32(_mm_castsi128_ps(four));
}

}  // namespace paddock::kernels
