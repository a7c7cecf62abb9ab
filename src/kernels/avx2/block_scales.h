// SPDX-License-Identifier: Apache-2.0
#pragma once
// The scales and offsets of the groups in blocks of 256 (tensor/decode_k_quants.cc has the formulas), eight in a
// register: load_scales(block, scales, offsets). Where the format has no offsets, none are written.

#include "kernels/avx2/unpack_parts.h"
#include "tensor/blocks.h"

namespace paddock::kernels::avx2 {

// scale * s for eight numbers s.
static inline __m256 times(float scale, __m256 s) { return _mm256_mul_ps(_mm256_set1_ps(scale), s); }

// The same for sixteen bytes, with or without a sign.
static inline void times_unsigned(float scale, __m128i sixteen, __m256* to) {
  to[0] = times(scale, floats_of_u8(sixteen));
  to[1] = times(scale, floats_of_u8(_mm_srli_si128(sixteen, 8)));
}
static inline void times_signed(float scale, __m128i sixteen, __m256* to) {
  to[0] = times(scale, floats_of_i8(sixteen));
  to[1] = times(scale, floats_of_i8(_mm_srli_si128(sixteen, 8)));
}

// Q4_K and Q5_K: six bits each. Bytes 0-3 hold scales 0-3 and, in their upper two bits, the
// upper bits of scales 4-7; bytes 4-7 the same for minima; bytes 8-11 the lower nibbles of scales (low) and minima
// (high) 4-7.
template <typename Block>
static inline void load_six_bit_scales(const Block& block, __m256* scales, __m256* offsets) {
  const uint64_t first = load_u64(block.scales);  // scales in its lower half, minima in the upper
  const uint32_t last = load_u32(block.scales + 8);
  const uint64_t lower = (last & 0x0F0F0F0F) | static_cast<uint64_t>(last >> 4 & 0x0F0F0F0F) << 32;
  const uint64_t groups_0_to_3 = first & 0x3F3F3F3F3F3F3F3F;
  const uint64_t groups_4_to_7 = lower | (first >> 2 & 0x3030303030303030);
  const __m128i both = _mm_unpacklo_epi32(_mm_cvtsi64_si128(static_cast<int64_t>(groups_0_to_3)),
                                          _mm_cvtsi64_si128(static_cast<int64_t>(groups_4_to_7)));
  scales[0] = times(load_half(&block.scale), floats_of_u8(both));
  offsets[0] = times(-load_half(&block.minimum), floats_of_u8(_mm_unpackhi_epi64(both, both)));
}
static inline void load_scales(const tensor::BlockQ4_K& block, __m256* scales, __m256* offsets) {
  load_six_bit_scales(block, scales, offsets);
}
static inline void load_scales(const tensor::BlockQ5_K& block, __m256* scales, __m256* offsets) {
  load_six_bit_scales(block, scales, offsets);
}

static inline void load_scales(const tensor::BlockQ2_K& block, __m256* scales, __m256* offsets) {
  const __m128i both = load_16_bytes(block.scales), low_nibble = _mm_set1_epi8(15);
  times_unsigned(load_half(&block.scale), _mm_and_si128(both, low_nibble), scales);
  times_unsigned(-load_half(&block.minimum), _mm_and_si128(_mm_srli_epi16(both, 4), low_nibble), offsets);
}

static inline void load_scales(const tensor::BlockQ3_K& block, __m256* scales, __m256*) {
  // Lower nibbles in bytes 0-7 (groups 8-15 in the high halves), upper two bits in bytes 8-11, four to a byte.
  const __m128i nibbles = _mm_cvtsi64_si128(static_cast<int64_t>(load_u64(block.scales)));
  const __m128i lower = _mm_and_si128(_mm_unpacklo_epi64(nibbles, _mm_srli_epi16(nibbles, 4)), _mm_set1_epi8(15));
  const __m128i crumbs =
      _mm_srlv_epi32(_mm_set1_epi32(static_cast<int>(load_u32(block.scales + 8))), _mm_setr_epi32(0, 2, 4, 6));
  const __m128i upper = _mm_slli_epi16(_mm_and_si128(crumbs, _mm_set1_epi8(3)), 4);
  times_signed(load_half(&block.scale), _mm_sub_epi8(_mm_or_si128(lower, upper), _mm_set1_epi8(32)), scales);
}

static inline void load_scales(const tensor::BlockQ6_K& block, __m256* scales, __m256*) {
  times_signed(load_half(&block.scale), load_16_bytes(block.scales), scales);
}

// Group g has the four bits from bit 4 g and the two bits from bit 2 g.
static inline void load_scales(const tensor::BlockIQ4_XS& block, __m256* scales, __m256*) {
  const __m256i lower = _mm256_srlv_epi32(_mm256_set1_epi32(static_cast<int>(load_u32(block.lower_scales))),
                                          _mm256_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28));
  const __m256i upper =
      _mm256_srlv_epi32(_mm256_set1_epi32(load_u16(&block.upper_scales)), _mm256_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14));
  const __m256i s = _mm256_or_si256(_mm256_and_si256(lower, _mm256_set1_epi32(15)),
                                    _mm256_slli_epi32(_mm256_and_si256(upper, _mm256_set1_epi32(3)), 4));
  scales[0] = times(load_half(&block.scale), _mm256_cvtepi32_ps(_mm256_sub_epi32(s, _mm256_set1_epi32(32))));
}

}  // namespace paddock::kernels::avx2
