// SPDX-License-Identifier: Apache-2.0
// Blocks whose nibbles are looked up in a table of 16 values:
//   IQ4_NL  x = scale * table[q]                    32 values
//   IQ4_XS  x = (scale * (s - 32)) * table[q]       256 values in groups of 32, s of 6 bits
//   MXFP4   x = 2^(e - 127) * e2m1[q]               32 values, the OCP microscaling format

#include "tensor/blocks.h"
#include "tensor/decode_formats.h"
#include "tensor/iq_codebooks.h"

namespace paddock::tensor {
namespace {

constexpr int kGroup = 32;

// x[0 .. 32): low nibbles first, then high nibbles.
void look_up(const uint8_t* nibbles, const int8_t (&table)[16], float scale, float* x) {
  for (int index = 0; index < kGroup / 2; ++index) {
    x[index] = scale * static_cast<float>(table[nibbles[index] & 15]);
    x[index + kGroup / 2] = scale * static_cast<float>(table[nibbles[index] >> 4]);
  }
}

}  // namespace

void decode_iq4_nl(const std::byte* bytes, float* values, int64_t count) {
  for_each_block<BlockIQ4_NL>(bytes, values, count, kGroup, [](const BlockIQ4_NL& block, float* x) {
    look_up(block.nibbles, kIq4Values, block.scale.value(), x);
  });
}

void decode_iq4_xs(const std::byte* bytes, float* values, int64_t count) {
  for_each_block<BlockIQ4_XS>(bytes, values, count, 256, [](const BlockIQ4_XS& block, float* x) {
    const float block_scale = block.scale.value();
    for (int group = 0; group < 8; ++group) {
      const int lower = block.lower_scales[group / 2] >> (group % 2 * 4) & 15;
      const int upper = block.upper_scales.value() >> (group * 2) & 3;
      const float scale = block_scale * static_cast<float>((lower | upper << 4) - 32);
      look_up(block.nibbles + group * kGroup / 2, kIq4Values, scale, x + group * kGroup);
    }
  });
}

void decode_mxfp4(const std::byte* bytes, float* values, int64_t count) {
  for_each_block<BlockMXFP4>(bytes, values, count, kGroup, [](const BlockMXFP4& block, float* x) {
    look_up(block.nibbles, kE2m1Doubled, half_float_from_e8m0(block.scale), x);
  });
}

}  // namespace paddock::tensor
