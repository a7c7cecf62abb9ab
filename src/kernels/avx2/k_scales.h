// SPDX-License-Identifier: Apache-2.0
#pragma once
// The scales of K-quants' groups as floats that lie `stride` apart (tensor/decode_k_quants.cc has the formulas).

#include "kernels/avx2/unpack_parts.h"
#include "tensor/blocks.h"

namespace paddock::kernels::avx2 {

// scale * s for eight numbers s.
static inline __m256 times(float scale, __m256 s) { return _mm256_mul_ps(_mm256_set1_ps(scale), s); }

// The same for sixteen, stored.
static inline void put_sixteen(float scale, __m256 low, __m256 high, float* to, int64_t stride) {
  store_strided(to, stride, times(scale, low));
  store_strided(to + 8 * stride, stride, times(scale, high));
}

// The scales and offsets of Q4_K and Q5_K, six bits each. Bytes 0-3 hold scales 0-3 and, in their upper two bits, the
// upper bits of scales 4-7; bytes 4-7 the same for minima; bytes 8-11 the lower nibbles of scales (low) and minima
// (high) 4-7.
template <typename Block>
static inline void put_six_bit_scales(const Block& block, float* scales, float* offsets, int64_t stride) {
  const uint64_t first = load_u64(block.scales);  // scales in its lower half, minima in the upper
  const uint32_t last = load_u32(block.scales + 8);
  const uint64_t lower = (last & 0x0F0F0F0F) | static_cast<uint64_t>(last >> 4 & 0x0F0F0F0F) << 32;
  const uint64_t groups_0_to_3 = first & 0x3F3F3F3F3F3F3F3F;
  const uint64_t groups_4_to_7 = lower | (first >> 2 & 0x3030303030303030);
  const __m128i both = _mm_unpacklo_epi32(_mm_cvtsi64_si128(static_cast<int64_t>(groups_0_to_3)),
                                          _mm_cvtsi64_si128(static_cast<int64_t>(groups_4_to_7)));
  store_strided(scales, stride, times(load_half(&block.scale), floats_of_u8(both)));
  store_strided(offsets, stride, times(-load_half(&block.minimum), floats_of_u8(_mm_unpackhi_epi64(both, both))));
}

static inline void put_scales_of_q2_k(const tensor::BlockQ2_K& block, float* scales, float* offsets, int64_t stride) {
  const __m128i both = load_16_bytes(block.scales), low_nibble = _mm_set1_epi8(15);
  const __m128i s = _mm_and_si128(both, low_nibble), m = _mm_and_si128(_mm_srli_epi16(both, 4), low_nibble);
  put_sixteen(load_half(&block.scale), floats_of_u8(s), floats_of_u8(_mm_srli_si128(s, 8)), scales, stride);
  put_sixteen(-load_half(&block.minimum), floats_of_u8(m), floats_of_u8(_mm_srli_si128(m, 8)), offsets, stride);
}

static inline void put_scales_of_q3_k(const tensor::BlockQ3_K& block, float* scales, int64_t stride) {
  // Lower nibbles in bytes 0-7 (groups 8-15 in the high halves), upper two bits in bytes 8-11, four to a byte.
  const __m128i nibbles = _mm_cvtsi64_si128(static_cast<int64_t>(load_u64(block.scales)));
  const __m128i lower = _mm_and_si128(_mm_unpacklo_epi64(nibbles, _mm_srli_epi16(nibbles, 4)), _mm_set1_epi8(15));
  const __m128i crumbs =
      _mm_srlv_epi32(_mm_set1_epi32(static_cast<int>(load_u32(block.scales + 8))), _mm_setr_epi32(0, 2, 4, 6));
  const __m128i upper = _mm_slli_epi16(_mm_and_si128(crumbs, _mm_set1_epi8(3)), 4);
  const __m128i s = _mm_sub_epi8(_mm_or_si128(lower, upper), _mm_set1_epi8(32));
  put_sixteen(load_half(&block.scale), floats_of_i8(s), floats_of_i8(_mm_srli_si128(s, 8)), scales, stride);
}

static inline void put_scales_of_q6_k(const tensor::BlockQ6_K& block, float* scales, int64_t stride) {
  const __m128i s = load_16_bytes(block.scales);
  put_sixteen(load_half(&block.scale), floats_of_i8(s), floats_of_i8(_mm_srli_si128(s, 8)), scales, stride);
}

}  // namespace paddock::kernels::avx2
