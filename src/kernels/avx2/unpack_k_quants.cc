// SPDX-License-Identifier: Apache-2.0
// K-quants, blocks of 256 values in groups: Q2_K, Q3_K, Q4_K, Q5_K, Q6_K (tensor/decode_k_quants.cc has the formulas).
// A run is 32 consecutive values, which take the same bits of 32 consecutive bytes. Those bits are reached by shifts of
// 16-bit lanes: what enters a byte from its neighbour is masked away.

#include "kernels/avx2/unpack_parts.h"
#include "tensor/blocks.h"

namespace paddock::kernels::avx2 {
namespace {

constexpr int kBlock = 256;
constexpr int kRun = 32;

// scale * s for eight numbers s.
__m256 times(float scale, __m256 s) { return _mm256_mul_ps(_mm256_set1_ps(scale), s); }

// The same for sixteen, stored.
void put_sixteen(float scale, __m256 low, __m256 high, float* to, int64_t stride) {
  store_strided(to, stride, times(scale, low));
  store_strided(to + 8 * stride, stride, times(scale, high));
}

// The scales and offsets of Q4_K and Q5_K, six bits each. Bytes 0-3 hold scales 0-3 and, in their upper two bits, the
// upper bits of scales 4-7; bytes 4-7 the same for minima; bytes 8-11 the lower nibbles of scales (low) and minima
// (high) 4-7.
void put_six_bit_scales(const tensor::StoredHalf& scale, const tensor::StoredHalf& minimum, const uint8_t (&packed)[12],
                        float* scales, float* offsets, int64_t stride) {
  const uint64_t first = load_u64(packed);  // scales in its lower half, minima in the upper
  const uint32_t last = load_u32(packed + 8);
  const uint64_t lower = (last & 0x0F0F0F0F) | static_cast<uint64_t>(last >> 4 & 0x0F0F0F0F) << 32;
  const uint64_t groups_0_to_3 = first & 0x3F3F3F3F3F3F3F3F;
  const uint64_t groups_4_to_7 = lower | (first >> 2 & 0x3030303030303030);
  const __m128i both = _mm_unpacklo_epi32(_mm_cvtsi64_si128(static_cast<int64_t>(groups_0_to_3)),
                                          _mm_cvtsi64_si128(static_cast<int64_t>(groups_4_to_7)));
  store_strided(scales, stride, times(load_half(&scale), floats_of_u8(both)));
  store_strided(offsets, stride, times(-load_half(&minimum), floats_of_u8(_mm_unpackhi_epi64(both, both))));
}

}  // namespace

void unpack_q2_k(const std::byte* bytes, int64_t count, int8_t* quants, float* scales, float* offsets, int64_t stride) {
  using tensor::BlockQ2_K;
  for_each_block_at<BlockQ2_K, kBlock>(bytes, count, [&](const BlockQ2_K& block, int64_t index) {
    const __m128i both = load_16_bytes(block.scales), low_nibble = _mm_set1_epi8(15);
    const __m128i s = _mm_and_si128(both, low_nibble), m = _mm_and_si128(_mm_srli_epi16(both, 4), low_nibble);
    const int64_t group = index * 16 * stride;
    put_sixteen(load_half(&block.scale), floats_of_u8(s), floats_of_u8(_mm_srli_si128(s, 8)), scales + group, stride);
    put_sixteen(-load_half(&block.minimum), floats_of_u8(m), floats_of_u8(_mm_srli_si128(m, 8)), offsets + group,
                stride);
#pragma GCC unroll 8
    for (int run = 0; run < 8; ++run) {
      const __m256i crumbs = _mm256_srli_epi16(load_32_bytes(block.crumbs + run / 4 * kRun), run % 4 * 2);
      store_32_bytes(quants + index * kBlock + run * kRun, _mm256_and_si256(crumbs, _mm256_set1_epi8(3)));
    }
  });
}

void unpack_q3_k(const std::byte* bytes, int64_t count, int8_t* quants, float* scales, float*, int64_t stride) {
  using tensor::BlockQ3_K;
  for_each_block_at<BlockQ3_K, kBlock>(bytes, count, [&](const BlockQ3_K& block, int64_t index) {
    // Lower nibbles in bytes 0-7 (groups 8-15 in the high halves), upper two bits in bytes 8-11, four to a byte.
    const __m128i nibbles = _mm_cvtsi64_si128(static_cast<int64_t>(load_u64(block.scales)));
    const __m128i lower = _mm_and_si128(_mm_unpacklo_epi64(nibbles, _mm_srli_epi16(nibbles, 4)), _mm_set1_epi8(15));
    const __m128i crumbs =
        _mm_srlv_epi32(_mm_set1_epi32(static_cast<int>(load_u32(block.scales + 8))), _mm_setr_epi32(0, 2, 4, 6));
    const __m128i upper = _mm_slli_epi16(_mm_and_si128(crumbs, _mm_set1_epi8(3)), 4);
    const __m128i s = _mm_sub_epi8(_mm_or_si128(lower, upper), _mm_set1_epi8(32));
    put_sixteen(load_half(&block.scale), floats_of_i8(s), floats_of_i8(_mm_srli_si128(s, 8)),
                scales + index * 16 * stride, stride);
    const __m256i thirds = load_32_bytes(block.third_bits);  // bit `run` of each
#pragma GCC unroll 8
    for (int run = 0; run < 8; ++run) {
      const __m256i two_bits = _mm256_and_si256(
          _mm256_srli_epi16(load_32_bytes(block.crumbs + run / 4 * kRun), run % 4 * 2), _mm256_set1_epi8(3));
      const __m256i in_place = run < 2 ? _mm256_slli_epi16(thirds, 2 - run) : _mm256_srli_epi16(thirds, run - 2);
      const __m256i quant = _mm256_or_si256(two_bits, _mm256_and_si256(in_place, _mm256_set1_epi8(4)));
      store_32_bytes(quants + index * kBlock + run * kRun, _mm256_sub_epi8(quant, _mm256_set1_epi8(4)));
    }
  });
}

void unpack_q4_k(const std::byte* bytes, int64_t count, int8_t* quants, float* scales, float* offsets, int64_t stride) {
  using tensor::BlockQ4_K;
  for_each_block_at<BlockQ4_K, kBlock>(bytes, count, [&](const BlockQ4_K& block, int64_t index) {
    const int64_t group = index * 8 * stride;
    put_six_bit_scales(block.scale, block.minimum, block.scales, scales + group, offsets + group, stride);
#pragma GCC unroll 4
    for (int pair = 0; pair < 4; ++pair) {  // of runs that share bytes
      const __m256i both = load_32_bytes(block.nibbles + pair * kRun), low_nibble = _mm256_set1_epi8(15);
      int8_t* to = quants + index * kBlock + pair * 2 * kRun;
      store_32_bytes(to, _mm256_and_si256(both, low_nibble));
      store_32_bytes(to + kRun, _mm256_and_si256(_mm256_srli_epi16(both, 4), low_nibble));
    }
  });
}

void unpack_q5_k(const std::byte* bytes, int64_t count, int8_t* quants, float* scales, float* offsets, int64_t stride) {
  using tensor::BlockQ5_K;
  for_each_block_at<BlockQ5_K, kBlock>(bytes, count, [&](const BlockQ5_K& block, int64_t index) {
    const int64_t group = index * 8 * stride;
    put_six_bit_scales(block.scale, block.minimum, block.scales, scales + group, offsets + group, stride);
    const __m256i fifths = load_32_bytes(block.fifth_bits);  // bit `run` of each
#pragma GCC unroll 8
    for (int run = 0; run < 8; ++run) {
      const __m256i nibbles = _mm256_and_si256(
          _mm256_srli_epi16(load_32_bytes(block.nibbles + run / 2 * kRun), run % 2 * 4), _mm256_set1_epi8(15));
      const __m256i in_place = run < 4 ? _mm256_slli_epi16(fifths, 4 - run) : _mm256_srli_epi16(fifths, run - 4);
      const __m256i quant = _mm256_or_si256(nibbles, _mm256_and_si256(in_place, _mm256_set1_epi8(16)));
      store_32_bytes(quants + index * kBlock + run * kRun, quant);
    }
  });
}

void unpack_q6_k(const std::byte* bytes, int64_t count, int8_t* quants, float* scales, float*, int64_t stride) {
  using tensor::BlockQ6_K;
  for_each_block_at<BlockQ6_K, kBlock>(bytes, count, [&](const BlockQ6_K& block, int64_t index) {
    const __m128i s = load_16_bytes(block.scales);
    put_sixteen(load_half(&block.scale), floats_of_i8(s), floats_of_i8(_mm_srli_si128(s, 8)),
                scales + index * 16 * stride, stride);
    // Each half of the block has 64 bytes of nibbles and 32 bytes of crumbs for its four runs.
#pragma GCC unroll 8
    for (int run = 0; run < 8; ++run) {
      const int half = run / 4, in_half = run % 4;
      const __m256i nibbles = _mm256_and_si256(
          _mm256_srli_epi16(load_32_bytes(block.nibbles + half * 64 + in_half % 2 * kRun), in_half / 2 * 4),
          _mm256_set1_epi8(15));
      const __m256i crumbs = load_32_bytes(block.crumbs + half * kRun);
      const __m256i in_place =
          in_half < 2 ? _mm256_slli_epi16(crumbs, 4 - in_half * 2) : _mm256_srli_epi16(crumbs, in_half * 2 - 4);
      const __m256i quant = _mm256_or_si256(nibbles, _mm256_and_si256(in_place, _mm256_set1_epi8(0x30)));
      store_32_bytes(quants + index * kBlock + run * kRun, _mm256_sub_epi8(quant, _mm256_set1_epi8(32)));
    }
  });
}

}  // namespace paddock::kernels::avx2
