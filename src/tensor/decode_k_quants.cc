// SPDX-License-Identifier: Apache-2.0
// K-quants: blocks of 256 values in groups, whose scales (and minima) are small integers times the block's:
//   Q2_K  x = (scale * s) * q - (minimum * m)   q of 2 bits, groups of 16, s and m of 4 bits
//   Q3_K  x = (scale * (s - 32)) * (q - 4)      q of 3 bits, groups of 16, s of 6 bits
//   Q4_K  x = (scale * s) * q - (minimum * m)   q of 4 bits, groups of 32, s and m of 6 bits
//   Q5_K  the same with q of 5 bits
//   Q6_K  x = (scale * s) * (q - 32)            q of 6 bits, groups of 16, s signed, 8 bits

#include "tensor/blocks.h"
#include "tensor/decode_formats.h"

namespace paddock::tensor {
namespace {

constexpr int kBlock = 256;
constexpr int kRun = 32;  // consecutive values that take the same bits of consecutive bytes

struct ScaleAndMinimum {
  int scale;
  int minimum;
};

// Group `group` of the eight in Q4_K and Q5_K. Bytes 0-3 hold scales 0-3 and, in their upper two bits, the upper bits
// of scales 4-7; bytes 4-7 the same for minima; bytes 8-11 the lower nibbles of scales (low) and minima (high) 4-7.
ScaleAndMinimum scale_and_minimum(const uint8_t (&packed)[12], int group) {
  if (group < 4) return {packed[group] & 63, packed[group + 4] & 63};
  return {(packed[group + 4] & 15) | (packed[group - 4] >> 6) << 4, (packed[group + 4] >> 4) | (packed[group] >> 6)
                                                                                                   << 4};
}

// Scale `group` of the sixteen in Q3_K: lower nibbles in bytes 0-7 (groups 8-15 in the high halves), upper two bits in
// bytes 8-11, four to a byte.
int q3_k_scale(const uint8_t (&packed)[12], int group) {
  const int lower = packed[group % 8] >> (group / 8 * 4) & 15;
  const int upper = packed[8 + group % 4] >> (group / 4 * 2) & 3;
  return (lower | upper << 4) - 32;
}

}  // namespace

void decode_q2_k(const std::byte* bytes, float* values, int64_t count) {
  for_each_block<BlockQ2_K>(bytes, values, count, kBlock, [](const BlockQ2_K& block, float* x) {
    const float block_scale = block.scale.value();
    const float block_minimum = block.minimum.value();
    for (int group = 0; group < 16; ++group) {
      const float scale = block_scale * static_cast<float>(block.scales[group] & 15);
      const float minimum = block_minimum * static_cast<float>(block.scales[group] >> 4);
      const int run = group / 2;  // four runs share 32 bytes, each taking two bits
      const uint8_t* crumbs = block.crumbs + run / 4 * kRun + group % 2 * 16;
      for (int index = 0; index < 16; ++index)
        x[group * 16 + index] = scale * static_cast<float>(crumbs[index] >> (run % 4 * 2) & 3) - minimum;
    }
  });
}

void decode_q3_k(const std::byte* bytes, float* values, int64_t count) {
  for_each_block<BlockQ3_K>(bytes, values, count, kBlock, [](const BlockQ3_K& block, float* x) {
    const float block_scale = block.scale.value();
    for (int group = 0; group < 16; ++group) {
      const float scale = block_scale * static_cast<float>(q3_k_scale(block.scales, group));
      const int run = group / 2;  // also the bit of third_bits that belongs to it
      const uint8_t* crumbs = block.crumbs + run / 4 * kRun + group % 2 * 16;
      const uint8_t* third_bits = block.third_bits + group % 2 * 16;
      for (int index = 0; index < 16; ++index) {
        const int quant = (crumbs[index] >> (run % 4 * 2) & 3) | (third_bits[index] >> run & 1) << 2;
        x[group * 16 + index] = scale * static_cast<float>(quant - 4);
      }
    }
  });
}

void decode_q4_k(const std::byte* bytes, float* values, int64_t count) {
  for_each_block<BlockQ4_K>(bytes, values, count, kBlock, [](const BlockQ4_K& block, float* x) {
    const float block_scale = block.scale.value();
    const float block_minimum = block.minimum.value();
    for (int group = 0; group < 8; ++group) {
      const auto [s, m] = scale_and_minimum(block.scales, group);
      const float scale = block_scale * static_cast<float>(s);
      const float minimum = block_minimum * static_cast<float>(m);
      const uint8_t* nibbles = block.nibbles + group / 2 * kRun;  // two groups share 32 bytes
      const int shift = group % 2 * 4;
      for (int index = 0; index < kRun; ++index)
        x[group * kRun + index] = scale * static_cast<float>(nibbles[index] >> shift & 15) - minimum;
    }
  });
}

void decode_q5_k(const std::byte* bytes, float* values, int64_t count) {
  for_each_block<BlockQ5_K>(bytes, values, count, kBlock, [](const BlockQ5_K& block, float* x) {
    const float block_scale = block.scale.value();
    const float block_minimum = block.minimum.value();
    for (int group = 0; group < 8; ++group) {
      const auto [s, m] = scale_and_minimum(block.scales, group);
      const float scale = block_scale * static_cast<float>(s);
      const float minimum = block_minimum * static_cast<float>(m);
      const uint8_t* nibbles = block.nibbles + group / 2 * kRun;
      const int shift = group % 2 * 4;
      for (int index = 0; index < kRun; ++index) {
        const int quant = (nibbles[index] >> shift & 15) | (block.fifth_bits[index] >> group & 1) << 4;
        x[group * kRun + index] = scale * static_cast<float>(quant) - minimum;
      }
    }
  });
}

void decode_q6_k(const std::byte* bytes, float* values, int64_t count) {
  for_each_block<BlockQ6_K>(bytes, values, count, kBlock, [](const BlockQ6_K& block, float* x) {
    const float block_scale = block.scale.value();
    for (int group = 0; group < 16; ++group) {
      const float scale = block_scale * static_cast<float>(block.scales[group]);
      // Each half of the block has 64 bytes of nibbles for its 128 values and 32 bytes of crumbs.
      const int half = group / 8;
      const int first = group % 8 * 16;  // in the half
      const uint8_t* nibbles = block.nibbles + half * 64 + first % 64;
      const uint8_t* crumbs = block.crumbs + half * 32 + first % 32;
      const int nibble_shift = first / 64 * 4;
      const int crumb_shift = first / 32 * 2;
      for (int index = 0; index < 16; ++index) {
        const int quant = (nibbles[index] >> nibble_shift & 15) | (crumbs[index] >> crumb_shift & 3) << 4;
        x[group * 16 + index] = scale * static_cast<float>(quant - 32);
      }
    }
  });
}

}  // namespace paddock::tensor
