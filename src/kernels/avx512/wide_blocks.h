// SPDX-License-Identifier: Apache-2.0
#pragma once
// Activations in twelve bits: 32 of them share a scale, value = scale * (16 * high + low). For weights of four bits,
// which two products of bytes then cost little: the rounding is a sixteenth of int8's.

#include <immintrin.h>

#include <cstdint>

namespace paddock::kernels::avx512 {

struct WideBlock {
  int8_t high[32];  // -127 to 127
  int8_t low[32];   // -8 to 7
  float scale;
  int32_t total;        // of the quants
  int32_t first_total;  // of the first sixteen
  float sum;            // of the values, for weights with offsets
};
static_assert(sizeof(WideBlock) == 80);

static inline void quantise_wide(const float* x, WideBlock* block) {
  // As integers, magnitudes are in order and what is not a number is the largest.
  const __m512 first = _mm512_loadu_ps(x), second = _mm512_loadu_ps(x + 16);
  const __m512i magnitude = _mm512_set1_epi32(0x7fffffff);
  const __m512i largest = _mm512_max_epu32(_mm512_and_si512(_mm512_castps_si512(first), magnitude),
                                           _mm512_and_si512(_mm512_castps_si512(second), magnitude));
  const float most =
      _mm_cvtss_f32(_mm_castsi128_ps(_mm_cvtsi32_si128(static_cast<int>(_mm512_reduce_max_epu32(largest)))));
  constexpr float kMost = 127 * 16;
  const bool nothing = most < 1e-30f;
  // What is not finite is passed on by the scale: zero times it is not a number.
  const __mmask16 usable = nothing || !(most <= 3.402823466e38f) ? 0 : 0xffff;
  const __m512 inverse = _mm512_set1_ps(nothing ? 0.0f : kMost / most);
  block->scale = nothing ? 0.0f : most / kMost;
  int32_t total = 0;
  for (int half = 0; half < 2; ++half) {
    const __m512i quants = _mm512_maskz_cvtps_epi32(usable, _mm512_mul_ps(half == 0 ? first : second, inverse));
    const __m512i high = _mm512_srai_epi32(_mm512_add_epi32(quants, _mm512_set1_epi32(8)), 4);
    const __m512i low = _mm512_sub_epi32(quants, _mm512_slli_epi32(high, 4));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(block->high + half * 16), _mm512_cvtsepi32_epi8(high));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(block->low + half * 16), _mm512_cvtepi32_epi8(low));
    total += _mm512_reduce_add_epi32(_mm512_add_epi32(_mm512_slli_epi32(high, 4), low));
    if (half == 0) block->first_total = total;
  }
  block->total = total;
  block->sum = block->scale * static_cast<float>(total);
}

}  // namespace paddock::kernels::avx512
