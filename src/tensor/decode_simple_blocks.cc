// SPDX-License-Identifier: Apache-2.0
// Blocks of 32 values with one scale:
//   Q4_0  x = scale * (q - 8)      q of 4 bits      Q4_1  x = scale * q + minimum
//   Q5_0  x = scale * (q - 16)     q of 5 bits      Q5_1  x = scale * q + minimum
//   Q8_0  x = scale * q            q signed, 8 bits

#include "tensor/blocks.h"
#include "tensor/decode_formats.h"

namespace paddock::tensor {
namespace {

constexpr int kBlock = 32;
constexpr int kHalf = 16;  // the low nibbles are values 0 to 15, the high nibbles 16 to 31

// The fifth bit of value `index` in its place.
int fifth_bit(uint32_t fifth_bits, int index) { return static_cast<int>(fifth_bits >> index & 1) << 4; }

}  // namespace

void decode_q4_0(const std::byte* bytes, float* values, int64_t count) {
  for_each_block<BlockQ4_0>(bytes, values, count, kBlock, [](const BlockQ4_0& block, float* x) {
    const float scale = block.scale.value();
    for (int index = 0; index < kHalf; ++index) {
      x[index] = scale * static_cast<float>((block.nibbles[index] & 15) - 8);
      x[index + kHalf] = scale * static_cast<float>((block.nibbles[index] >> 4) - 8);
    }
  });
}

void decode_q4_1(const std::byte* bytes, float* values, int64_t count) {
  for_each_block<BlockQ4_1>(bytes, values, count, kBlock, [](const BlockQ4_1& block, float* x) {
    const float scale = block.scale.value();
    const float minimum = block.minimum.value();
    for (int index = 0; index < kHalf; ++index) {
      x[index] = scale * static_cast<float>(block.nibbles[index] & 15) + minimum;
      x[index + kHalf] = scale * static_cast<float>(block.nibbles[index] >> 4) + minimum;
    }
  });
}

void decode_q5_0(const std::byte* bytes, float* values, int64_t count) {
  for_each_block<BlockQ5_0>(bytes, values, count, kBlock, [](const BlockQ5_0& block, float* x) {
    const float scale = block.scale.value();
    const uint32_t fifth_bits = block.fifth_bits.value();
    for (int index = 0; index < kHalf; ++index) {
      const int low = (block.nibbles[index] & 15) | fifth_bit(fifth_bits, index);
      const int high = (block.nibbles[index] >> 4) | fifth_bit(fifth_bits, index + kHalf);
      x[index] = scale * static_cast<float>(low - 16);
      x[index + kHalf] = scale * static_cast<float>(high - 16);
    }
  });
}

void decode_q5_1(const std::byte* bytes, float* values, int64_t count) {
  for_each_block<BlockQ5_1>(bytes, values, count, kBlock, [](const BlockQ5_1& block, float* x) {
    const float scale = block.scale.value();
    const float minimum = block.minimum.value();
    const uint32_t fifth_bits = block.fifth_bits.value();
    for (int index = 0; index < kHalf; ++index) {
      const int low = (block.nibbles[index] & 15) | fifth_bit(fifth_bits, index);
      const int high = (block.nibbles[index] >> 4) | fifth_bit(fifth_bits, index + kHalf);
      x[index] = scale * static_cast<float>(low) + minimum;
      x[index + kHalf] = scale * static_cast<float>(high) + minimum;
    }
  });
}

void decode_q8_0(const std::byte* bytes, float* values, int64_t count) {
  for_each_block<BlockQ8_0>(bytes, values, count, kBlock, [](const BlockQ8_0& block, float* x) {
    const float scale = block.scale.value();
    for (int index = 0; index < kBlock; ++index) x[index] = scale * static_cast<float>(block.quants[index]);
  });
}

}  // namespace paddock::tensor
