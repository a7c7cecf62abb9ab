// SPDX-License-Identifier: Apache-2.0
// K-quants, blocks of 256 values in groups: Q2_K, Q3_K, Q4_K, Q5_K, Q6_K (tensor/decode_k_quants.cc has the formulas).
// A run is 32 consecutive values, which take the same bits of 32 consecutive bytes. Those bits are reached by shifts of
// 16-bit lanes: what enters a byte from its neighbour is masked away.

#include "kernels/avx2/block_scales.h"

namespace paddock::kernels::avx2 {
namespace {

constexpr int kBlock = 256;
constexpr int kRun = 32;

// kEights times eight scales, and offsets where there are any, `stride` apart.
template <int kEights, bool kOffsets, typename Block>
void put_scales(const Block& block, float* scales, float* offsets, int64_t stride) {
  __m256 s[kEights], o[kEights];
  load_scales(block, s, o);
  for (int eight = 0; eight < kEights; ++eight) {
    store_strided(scales + eight * 8 * stride, stride, s[eight]);
    if constexpr (kOffsets) store_strided(offsets + eight * 8 * stride, stride, o[eight]);
  }
}

}  // namespace

void unpack_q2_k(const std::byte* bytes, int64_t count, int8_t* quants, float* scales, float* offsets, int64_t stride) {
  using tensor::BlockQ2_K;
  for_each_block_at<BlockQ2_K, kBlock>(bytes, count, [&](const BlockQ2_K& block, int64_t index) {
    const int64_t group = index * 16 * stride;
    put_scales<2, true>(block, scales + group, offsets + group, stride);
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
    put_scales<2, false>(block, scales + index * 16 * stride, nullptr, stride);
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
    put_scales<1, true>(block, scales + group, offsets + group, stride);
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
    put_scales<1, true>(block, scales + group, offsets + group, stride);
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
    put_scales<2, false>(block, scales + index * 16 * stride, nullptr, stride);
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
