// SPDX-License-Identifier: Apache-2.0
// Decoders against the formats' definitions: every bit pattern of the plain floats, blocks worked out by hand. All
// block formats are held to stored values in checkpoint/stored_blocks_test.cc.

#include "tensor/decode.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "tensor/blocks.h"
#include "tensor/iq_codebooks.h"

namespace paddock::tensor {
namespace {

std::vector<float> decode(DType dtype, const std::vector<uint8_t>& bytes, int64_t count) {
  EXPECT_EQ(bytes.size(), row_bytes(dtype, count));
  std::vector<float> values(static_cast<size_t>(count), -12345.0f);
  decode_row(dtype, reinterpret_cast<const std::byte*>(bytes.data()), values.data(), count);
  return values;
}

// sign * fraction * 2^exponent of a small float with the given widths, by the definition.
double defined_value(uint32_t bits, int exponent_bits, int fraction_bits) {
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const double sign = (bits >> (exponent_bits + fraction_bits) & 1) != 0 ? -1 : 1;
  const int exponent = static_cast<int>(bits >> fraction_bits) & ((1 << exponent_bits) - 1);
  const double fraction = bits & ((1u << fraction_bits) - 1);
  if (exponent == 0) return sign * std::ldexp(fraction, 1 - bias - fraction_bits);
  return sign * std::ldexp(fraction + (1 << fraction_bits), exponent - bias - fraction_bits);
}

TEST(DecodeFloats, EveryHalf) {
  std::vector<uint8_t> bytes;
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    bytes.push_back(static_cast<uint8_t>(bits));
    bytes.push_back(static_cast<uint8_t>(bits >> 8));
  }
  const std::vector<float> values = decode(DType::kF16, bytes, 65536);
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const float value = values[bits];
    if ((bits & 0x7C00) != 0x7C00) {
      const auto expected = static_cast<float>(defined_value(bits, 5, 10));
      ASSERT_EQ(std::bit_cast<uint32_t>(value), std::bit_cast<uint32_t>(expected)) << bits;
    } else if ((bits & 0x3FF) == 0) {
      ASSERT_EQ(value, (bits >> 15 != 0 ? -1.0f : 1.0f) * std::numeric_limits<float>::infinity());
    } else {
      ASSERT_TRUE(std::isnan(value)) << bits;
      ASSERT_EQ(std::signbit(value), bits >> 15 != 0);
    }
  }
}

TEST(DecodeFloats, EveryBf16IsTheUpperHalfOfAFloat) {
  std::vector<uint8_t> bytes;
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    bytes.push_back(static_cast<uint8_t>(bits));
    bytes.push_back(static_cast<uint8_t>(bits >> 8));
  }
  const std::vector<float> values = decode(DType::kBF16, bytes, 65536);
  for (uint32_t bits = 0; bits < 65536; ++bits) ASSERT_EQ(std::bit_cast<uint32_t>(values[bits]), bits << 16);
}

TEST(DecodeFloats, EveryE4m3) {
  std::vector<uint8_t> bytes;
  for (int bits = 0; bits < 256; ++bits) bytes.push_back(static_cast<uint8_t>(bits));
  const std::vector<float> values = decode(DType::kF8E4M3, bytes, 256);
  for (uint32_t bits = 0; bits < 256; ++bits) {
    if ((bits & 127) == 127) {
      EXPECT_TRUE(std::isnan(values[bits])) << bits;
    } else {
      EXPECT_EQ(values[bits], static_cast<float>(defined_value(bits, 4, 3))) << bits;
      EXPECT_EQ(std::signbit(values[bits]), bits >= 128) << bits;
    }
  }
  EXPECT_EQ(values[0x7E], 448.0f);
}

TEST(DecodeFloats, F32IsCopiedFromAnyAddress) {
  const float numbers[] = {1.5f, -0.0f, 1e-40f};
  std::vector<uint8_t> bytes(1 + sizeof numbers);
  std::memcpy(bytes.data() + 1, numbers, sizeof numbers);
  float values[3];
  decode_row(DType::kF32, reinterpret_cast<const std::byte*>(bytes.data() + 1), values, 3);
  EXPECT_EQ(std::memcmp(values, numbers, sizeof numbers), 0);
}

TEST(DecodeBlocks, LayoutsHaveTheFormatsSizes) {
  EXPECT_EQ(sizeof(BlockQ4_0), row_bytes(DType::kQ4_0, 32));
  EXPECT_EQ(sizeof(BlockQ4_1), row_bytes(DType::kQ4_1, 32));
  EXPECT_EQ(sizeof(BlockQ5_0), row_bytes(DType::kQ5_0, 32));
  EXPECT_EQ(sizeof(BlockQ5_1), row_bytes(DType::kQ5_1, 32));
  EXPECT_EQ(sizeof(BlockQ8_0), row_bytes(DType::kQ8_0, 32));
  EXPECT_EQ(sizeof(BlockQ2_K), row_bytes(DType::kQ2_K, 256));
  EXPECT_EQ(sizeof(BlockQ3_K), row_bytes(DType::kQ3_K, 256));
  EXPECT_EQ(sizeof(BlockQ4_K), row_bytes(DType::kQ4_K, 256));
  EXPECT_EQ(sizeof(BlockQ5_K), row_bytes(DType::kQ5_K, 256));
  EXPECT_EQ(sizeof(BlockQ6_K), row_bytes(DType::kQ6_K, 256));
  EXPECT_EQ(sizeof(BlockIQ1_S), row_bytes(DType::kIQ1_S, 256));
  EXPECT_EQ(sizeof(BlockIQ1_M), row_bytes(DType::kIQ1_M, 256));
  EXPECT_EQ(sizeof(BlockIQ2_XXS), row_bytes(DType::kIQ2_XXS, 256));
  EXPECT_EQ(sizeof(BlockIQ2_XS), row_bytes(DType::kIQ2_XS, 256));
  EXPECT_EQ(sizeof(BlockIQ2_S), row_bytes(DType::kIQ2_S, 256));
  EXPECT_EQ(sizeof(BlockIQ3_XXS), row_bytes(DType::kIQ3_XXS, 256));
  EXPECT_EQ(sizeof(BlockIQ3_S), row_bytes(DType::kIQ3_S, 256));
  EXPECT_EQ(sizeof(BlockIQ4_NL), row_bytes(DType::kIQ4_NL, 32));
  EXPECT_EQ(sizeof(BlockIQ4_XS), row_bytes(DType::kIQ4_XS, 256));
  EXPECT_EQ(sizeof(BlockTQ1_0), row_bytes(DType::kTQ1_0, 256));
  EXPECT_EQ(sizeof(BlockTQ2_0), row_bytes(DType::kTQ2_0, 256));
  EXPECT_EQ(sizeof(BlockMXFP4), row_bytes(DType::kMXFP4, 32));
}

TEST(DecodeBlocks, Q4_1ByHand) {
  // Scale 0.5, minimum -1; byte i holds i in the low nibble and 15 - i in the high one.
  std::vector<uint8_t> bytes = {0x00, 0x38, 0x00, 0xBC};
  for (int index = 0; index < 16; ++index) bytes.push_back(static_cast<uint8_t>(index | (15 - index) << 4));
  const std::vector<float> values = decode(DType::kQ4_1, bytes, 32);
  for (int index = 0; index < 16; ++index) {
    EXPECT_EQ(values[static_cast<size_t>(index)], 0.5f * static_cast<float>(index) - 1.0f);
    EXPECT_EQ(values[static_cast<size_t>(index + 16)], 0.5f * static_cast<float>(15 - index) - 1.0f);
  }
}

TEST(DecodeBlocks, Q8_0OfTwoBlocksFromAnOddAddress) {
  std::vector<uint8_t> bytes(1 + 2 * 34);
  bytes[2] = 0x3C;   // 1
  bytes[36] = 0xC0;  // -2
  for (int index = 0; index < 32; ++index) {
    bytes[static_cast<size_t>(3 + index)] = static_cast<uint8_t>(index - 128);
    bytes[static_cast<size_t>(37 + index)] = static_cast<uint8_t>(127 - index);
  }
  float values[64];
  decode_row(DType::kQ8_0, reinterpret_cast<const std::byte*>(bytes.data() + 1), values, 64);
  for (int index = 0; index < 32; ++index) {
    EXPECT_EQ(values[index], static_cast<float>(index - 128));
    EXPECT_EQ(values[32 + index], -2.0f * static_cast<float>(127 - index));
  }
}

TEST(DecodeBlocks, Mxfp4ScalesReachFromSubnormalToLargest) {
  std::vector<uint8_t> bytes(17, 0);
  bytes[1] = 0xF7;  // 6 in the low nibble, -6 in the high one
  for (const int exponent : {0, 1, 2, 127, 253}) {
    bytes[0] = static_cast<uint8_t>(exponent);
    const std::vector<float> values = decode(DType::kMXFP4, bytes, 32);
    EXPECT_EQ(values[0], static_cast<float>(std::ldexp(6.0, exponent - 127))) << exponent;
    EXPECT_EQ(values[16], static_cast<float>(std::ldexp(-6.0, exponent - 127))) << exponent;
    EXPECT_EQ(values[1], 0.0f);
  }
}

TEST(DecodeBlocks, EvenSignsHaveEvenParity) {
  for (uint32_t bits = 0; bits < 128; ++bits) {
    const uint8_t signs = even_signs(bits | 128);  // the eighth bit given is another field's and ignored
    EXPECT_EQ(std::popcount(signs) % 2, 0);
    EXPECT_EQ(signs & 127u, bits);
  }
}

// A row is its blocks, one after the other, whatever lies around them: random bytes in every format.
TEST(DecodeBlocks, ARowIsItsBlocks) {
  std::mt19937 random(7);
  for (int index = 0; index <= static_cast<int>(DType::kMXFP4); ++index) {
    const auto dtype = static_cast<DType>(index);
    if (!is_decodable(dtype)) continue;
    const int64_t block = info(dtype).values;
    const int64_t count = 5 * block;
    std::vector<uint8_t> bytes(row_bytes(dtype, count));
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
    const std::vector<float> row = decode(dtype, bytes, count);
    for (int64_t first = 0; first < count; first += block) {
      const auto offset = static_cast<ptrdiff_t>(row_bytes(dtype, first));
      const std::vector<uint8_t> alone(bytes.begin() + offset,
                                       bytes.begin() + offset + static_cast<ptrdiff_t>(row_bytes(dtype, block)));
      const std::vector<float> values = decode(dtype, alone, block);
      EXPECT_EQ(std::memcmp(values.data(), row.data() + first, values.size() * sizeof(float)), 0) << name(dtype);
    }
  }
}

TEST(DecodeBlocks, NoValuesTouchNothing) { decode_row(DType::kQ4_K, nullptr, nullptr, 0); }

}  // namespace
}  // namespace paddock::tensor
