// SPDX-License-Identifier: Apache-2.0
#include "kernels/limits/peak.h"

#include <immintrin.h>

namespace paddock::kernels::avx2 {

// Enough sums to fill two units of four cycles each; the empty asm keeps them in registers and in the program.
int64_t peak_f32(int64_t rounds) {
  constexpr int kSums = 12;
  __m256 sums[kSums];
  for (__m256& sum : sums) sum = _mm256_setzero_ps();
  __m256 x = _mm256_set1_ps(1.0f), w = _mm256_set1_ps(0.5f);
  for (int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
    for (__m256& sum : sums) sum = _mm256_fmadd_ps(x, w, sum);
    __asm__ volatile("" : "+x"(x), "+x"(w));
  }
  for (__m256& sum : sums) __asm__ volatile("" : : "x"(sum));
  return rounds * kSums * 8 * 2;
}

int64_t peak_int8(int64_t rounds) {
  constexpr int kSums = 8;
  __m256i sums[kSums];
  for (__m256i& sum : sums) sum = _mm256_setzero_si256();
  const __m256i ones = _mm256_set1_epi16(1);
  __m256i x = _mm256_set1_epi8(3), w = _mm256_set1_epi8(-2);
  for (int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 8
    for (__m256i& sum : sums) {
      __asm__ volatile("" : "+x"(x));  // else one product would serve all sums
      sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(x, w), ones));
    }
  }
  for (__m256i& sum : sums) __asm__ volatile("" : : "x"(sum));
  return rounds * kSums * 32 * 2;
}

}  // namespace paddock::kernels::avx2
