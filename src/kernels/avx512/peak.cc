// SPDX-License-Identifier: Apache-2.0
#include "kernels/limits/peak.h"

#include <immintrin.h>

namespace paddock::kernels::avx512 {

// Enough sums to fill two units of five cycles each; the empty asm keeps them in registers and in the program.
constexpr int kSums = 12;

int64_t peak_f32(int64_t rounds) {
  __m512 sums[kSums];
  for (__m512& sum : sums) sum = _mm512_setzero_ps();
  __m512 x = _mm512_set1_ps(1.0f), w = _mm512_set1_ps(0.5f);
  for (int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
    for (__m512& sum : sums) sum = _mm512_fmadd_ps(x, w, sum);
    __asm__ volatile("" : "+v"(x), "+v"(w));
  }
  for (__m512& sum : sums) __asm__ volatile("" : : "v"(sum));
  return rounds * kSums * 16 * 2;
}

int64_t peak_int8(int64_t rounds) {
  __m512i sums[kSums];
  for (__m512i& sum : sums) sum = _mm512_setzero_si512();
  __m512i x = _mm512_set1_epi8(3), w = _mm512_set1_epi8(-2);
  for (int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
    for (__m512i& sum : sums) sum = _mm512_dpbusd_epi32(sum, x, w);
    __asm__ volatile("" : "+v"(x), "+v"(w));
  }
  for (__m512i& sum : sums) __asm__ volatile("" : : "v"(sum));
  return rounds * kSums * 64 * 2;
}

}  // namespace paddock::kernels::avx512
