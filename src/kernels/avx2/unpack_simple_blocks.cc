// SPDX-License-Identifier: Apache-2.0
// Blocks of 32 values with one scale: Q4_0, Q4_1, Q5_0, Q5_1, Q8_0 (tensor/decode_simple_blocks.cc).

#include "kernels/avx2/unpack_parts.h"
#include "tensor/blocks.h"

namespace paddock::kernels::avx2 {
namespace {

constexpr int kBlock = 32;

// The scale is a block's first number, the minimum its second. Four are read where at most two are needed: what follows
// belongs to the block too.
void put_scale(const void* block, float* scale) { _mm_store_ss(scale, load_4_halves(block)); }

void put_scale_and_minimum(const void* block, float* scale, float* minimum) {
  const __m128 both = load_4_halves(block);
  _mm_store_ss(scale, both);
  _mm_store_ss(minimum, _mm_movehdup_ps(both));
}

}  // namespace

void unpack_q4_0(const std::byte* bytes, int64_t count, int8_t* quants, float* scales, float*, int64_t stride) {
  using tensor::BlockQ4_0;
  for_each_block_at<BlockQ4_0, kBlock>(bytes, count, [&](const BlockQ4_0& block, int64_t index) {
    put_scale(&block, scales + index * stride);
    store_32_bytes(quants + index * kBlock, _mm256_sub_epi8(nibbles_of(block.nibbles), _mm256_set1_epi8(8)));
  });
}

void unpack_q4_1(const std::byte* bytes, int64_t count, int8_t* quants, float* scales, float* offsets, int64_t stride) {
  using tensor::BlockQ4_1;
  for_each_block_at<BlockQ4_1, kBlock>(bytes, count, [&](const BlockQ4_1& block, int64_t index) {
    put_scale_and_minimum(&block, scales + index * stride, offsets + index * stride);
    store_32_bytes(quants + index * kBlock, nibbles_of(block.nibbles));
  });
}

void unpack_q5_0(const std::byte* bytes, int64_t count, int8_t* quants, float* scales, float*, int64_t stride) {
  using tensor::BlockQ5_0;
  for_each_block_at<BlockQ5_0, kBlock>(bytes, count, [&](const BlockQ5_0& block, int64_t index) {
    put_scale(&block, scales + index * stride);
    // q - 16 is the nibble itself where the fifth bit is set, otherwise the nibble below upper bits of ones.
    const __m256i fifth = bytes_of_bits(_mm256_set1_epi32(static_cast<int>(load_u32(&block.fifth_bits))));
    const __m256i upper = _mm256_andnot_si256(fifth, _mm256_set1_epi8(static_cast<char>(0xF0)));
    store_32_bytes(quants + index * kBlock, _mm256_or_si256(nibbles_of(block.nibbles), upper));
  });
}

void unpack_q5_1(const std::byte* bytes, int64_t count, int8_t* quants, float* scales, float* offsets, int64_t stride) {
  using tensor::BlockQ5_1;
  for_each_block_at<BlockQ5_1, kBlock>(bytes, count, [&](const BlockQ5_1& block, int64_t index) {
    put_scale_and_minimum(&block, scales + index * stride, offsets + index * stride);
    const __m256i fifth = bytes_of_bits(_mm256_set1_epi32(static_cast<int>(load_u32(&block.fifth_bits))));
    const __m256i upper = _mm256_and_si256(fifth, _mm256_set1_epi8(16));
    store_32_bytes(quants + index * kBlock, _mm256_or_si256(nibbles_of(block.nibbles), upper));
  });
}

void unpack_q8_0(const std::byte* bytes, int64_t count, int8_t* quants, float* scales, float*, int64_t stride) {
  using tensor::BlockQ8_0;
  for_each_block_at<BlockQ8_0, kBlock>(bytes, count, [&](const BlockQ8_0& block, int64_t index) {
    put_scale(&block, scales + index * stride);
    store_32_bytes(quants + index * kBlock, load_32_bytes(block.quants));
  });
}

}  // namespace paddock::kernels::avx2
