// SPDX-License-Identifier: Apache-2.0
// Blocks of 256 ternary values with one scale: TQ1_0, TQ2_0 (tensor/decode_ternary.cc).

#include "kernels/avx2/unpack_parts.h"
#include "tensor/blocks.h"

namespace paddock::kernels::avx2 {
namespace {

constexpr int kBlock = 256;

void put_scale(const void* half, float* scales, int64_t stride) {
  store_strided(scales, stride, _mm256_set1_ps(load_half(half)));
}

// TQ1_0's byte is a fraction of 256 in base 3. Its first digit is the number of thirds it has reached, 86 and 171 being
// the first bytes past them. Compared as signed bytes, hence 128 is added; times 3 that is again 128 (mod 256), so that
// biased bytes can be tripled to reach the next digit.
__m256i biased(__m256i bytes) { return _mm256_xor_si256(bytes, _mm256_set1_epi8(-128)); }
__m256i tripled(__m256i bytes) { return _mm256_add_epi8(bytes, _mm256_add_epi8(bytes, bytes)); }
__m256i first_digit_less_one(__m256i bytes) {
  const __m256i below_first = _mm256_cmpgt_epi8(_mm256_set1_epi8(86 - 128), bytes);  // -1 where true
  const __m256i from_second = _mm256_cmpgt_epi8(bytes, _mm256_set1_epi8(170 - 128));
  return _mm256_sub_epi8(below_first, from_second);
}

}  // namespace

void unpack_tq1_0(const std::byte* bytes, int64_t count, int8_t* quants, float* scales, float*, int64_t stride) {
  using tensor::BlockTQ1_0;
  for_each_block_at<BlockTQ1_0, kBlock>(bytes, count, [&](const BlockTQ1_0& block, int64_t index) {
    put_scale(&block.scale, scales + index * 8 * stride, stride);
    int8_t* to = quants + index * kBlock;
    // All first digits of a run of bytes, then all second digits, ...: 32 bytes with five digits,
    __m256i run = biased(load_32_bytes(block.five_trits));
#pragma GCC unroll 5
    for (int digit = 0; digit < 5; ++digit, run = tripled(run), to += 32) store_32_bytes(to, first_digit_less_one(run));
    // 16 with five, of which the upper lane is one digit ahead to give two at a time,
    run = biased(_mm256_broadcastsi128_si256(load_16_bytes(block.five_trits + 32)));
    run = _mm256_blend_epi32(run, tripled(run), 0xF0);
    store_32_bytes(to, first_digit_less_one(run));
    run = tripled(tripled(run));
    store_32_bytes(to + 32, first_digit_less_one(run));
    run = tripled(tripled(run));
    const __m256i fifth = first_digit_less_one(run);
    // and four with four.
    const __m256i first = biased(_mm256_set1_epi32(static_cast<int>(load_u32(block.four_trits))));
    const __m256i second = tripled(first), third = tripled(second), fourth = tripled(third);
    const __m256i four =
        _mm256_blend_epi32(_mm256_blend_epi32(first, second, 0x22), _mm256_blend_epi32(third, fourth, 0x88), 0xCC);
    store_32_bytes(to + 64, _mm256_blend_epi32(fifth, first_digit_less_one(four), 0xF0));
  });
}

void unpack_tq2_0(const std::byte* bytes, int64_t count, int8_t* quants, float* scales, float*, int64_t stride) {
  using tensor::BlockTQ2_0;
  for_each_block_at<BlockTQ2_0, kBlock>(bytes, count, [&](const BlockTQ2_0& block, int64_t index) {
    put_scale(&block.scale, scales + index * 8 * stride, stride);
#pragma GCC unroll 8
    for (int run = 0; run < 8; ++run) {
      const __m256i crumbs = _mm256_srli_epi16(load_32_bytes(block.crumbs + run / 4 * 32), run % 4 * 2);
      const __m256i digits = _mm256_and_si256(crumbs, _mm256_set1_epi8(3));
      store_32_bytes(quants + index * kBlock + run * 32, _mm256_sub_epi8(digits, _mm256_set1_epi8(1)));
    }
  });
}

}  // namespace paddock::kernels::avx2
