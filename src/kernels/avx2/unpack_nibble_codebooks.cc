// SPDX-License-Identifier: Apache-2.0
// Blocks whose nibbles are looked up in a table of 16 values: IQ4_NL, IQ4_XS, MXFP4
// (tensor/decode_nibble_codebooks.cc).

#include "kernels/avx2/block_scales.h"
#include "tensor/blocks.h"
#include "tensor/iq_codebooks.h"

namespace paddock::kernels::avx2 {
namespace {

constexpr int kGroup = 32;

__m256i look_up(const uint8_t* nibbles, const int8_t (&table)[16]) {
  return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(load_16_bytes(table)), nibbles_of(nibbles));
}

// 2^(e - 128). Below e = 2 it is a subnormal float32, whose fraction there is larger than what the exponent's field
// would be.
int32_t half_e8m0_bits(int32_t exponent) {
  const int32_t normal = (exponent - 1) * (1 << 23), subnormal = (exponent + 1) << 21;
  return normal > subnormal ? normal : subnormal;
}

}  // namespace

void unpack_iq4_nl(const std::byte* bytes, int64_t count, int8_t* quants, float* scales, float*, int64_t stride) {
  using tensor::BlockIQ4_NL;
  for_each_block_at<BlockIQ4_NL, kGroup>(bytes, count, [&](const BlockIQ4_NL& block, int64_t index) {
    _mm_store_ss(scales + index * stride, load_4_halves(&block));
    store_32_bytes(quants + index * kGroup, look_up(block.nibbles, tensor::kIq4Values));
  });
}

void unpack_iq4_xs(const std::byte* bytes, int64_t count, int8_t* quants, float* scales, float*, int64_t stride) {
  using tensor::BlockIQ4_XS;
  for_each_block_at<BlockIQ4_XS, 256>(bytes, count, [&](const BlockIQ4_XS& block, int64_t index) {
    __m256 of_groups;
    load_scales(block, &of_groups, nullptr);
    store_strided(scales + index * 8 * stride, stride, of_groups);
#pragma GCC unroll 8
    for (int group = 0; group < 8; ++group)
      store_32_bytes(quants + index * 256 + group * kGroup,
                     look_up(block.nibbles + group * kGroup / 2, tensor::kIq4Values));
  });
}

void unpack_mxfp4(const std::byte* bytes, int64_t count, int8_t* quants, float* scales, float*, int64_t stride) {
  using tensor::BlockMXFP4;
  for_each_block_at<BlockMXFP4, kGroup>(bytes, count, [&](const BlockMXFP4& block, int64_t index) {
    const int32_t scale = half_e8m0_bits(block.scale);
    std::memcpy(scales + index * stride, &scale, sizeof scale);
    store_32_bytes(quants + index * kGroup, look_up(block.nibbles, tensor::kE2m1Doubled));
  });
}

}  // namespace paddock::kernels::avx2
