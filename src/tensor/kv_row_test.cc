// SPDX-License-Identifier: Apache-2.0
// Rows of a cache: their bytes, how near they stay, and what becomes of numbers that are not finite.

#include "tensor/kv_row.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "tensor/blocks.h"
#include "tensor/decode.h"

namespace paddock::tensor {
namespace {

constexpr DType kFormats[] = {DType::kF32, DType::kF16, DType::kBF16, DType::kQ8_0, DType::kQ4_1};

std::vector<std::byte> encoded(DType dtype, const std::vector<float>& values) {
  const auto width = static_cast<int64_t>(values.size());
  std::vector<std::byte> bytes(kv_row_bytes(dtype, width), std::byte{0xA5});
  encode_kv_row(dtype, values.data(), bytes.data(), width);
  return bytes;
}

std::vector<float> stored(DType dtype, const std::vector<float>& values) {
  const auto bytes = encoded(dtype, values);
  std::vector<float> found(values.size());
  decode_kv_row(dtype, bytes.data(), found.data(), static_cast<int64_t>(values.size()));
  return found;
}

std::vector<float> random_numbers(int64_t count, float size) {
  std::mt19937 random(static_cast<unsigned>(count));
  std::normal_distribution<float> normal(0, size);
  std::vector<float> numbers(static_cast<size_t>(count));
  for (float& number : numbers) number = normal(random);
  return numbers;
}

TEST(KvRow, BytesOfEveryHeadWidth) {
  const struct {
    int64_t width;
    size_t bytes[5];  // as kFormats
  } cases[] = {{1, {4, 2, 2, 3, 5}},           {16, {64, 32, 32, 18, 20}},    {17, {68, 34, 34, 19, 20}},
               {64, {256, 128, 128, 68, 40}},  {88, {352, 176, 176, 94, 60}}, {96, {384, 192, 192, 102, 60}},
               {128, {512, 256, 256, 136, 80}}};
  for (const auto& each : cases)
    for (size_t index = 0; index < std::size(kFormats); ++index)
      EXPECT_EQ(kv_row_bytes(kFormats[index], each.width), each.bytes[index])
          << name(kFormats[index]) << " of " << each.width;
}

// |x - stored| is at most half a step; the scale and the minimum, rounded to float16, move the ends of a block by
// 2^-11 of themselves.
TEST(KvRow, StaysWithinHalfAStep) {
  for (const int64_t width : {1, 2, 15, 16, 17, 31, 32, 33, 64, 88, 96, 128, 130})
    for (const float size : {1e-3f, 1.0f, 300.0f}) {
      const auto x = random_numbers(width, size);
      for (const DType dtype : kFormats) {
        const auto found = stored(dtype, x);
        for (int64_t first = 0; first < width; first += kKvBlock) {
          const auto begin = x.begin() + first, end = x.begin() + std::min(first + kKvBlock, width);
          const auto [least, most] = std::minmax_element(begin, end);
          const float largest = std::max(std::abs(*least), std::abs(*most));
          for (auto number = begin; number < end; ++number) {
            const float error = std::abs(*number - found[static_cast<size_t>(number - x.begin())]);
            const float bound = dtype == DType::kF32    ? 0
                                : dtype == DType::kF16  ? std::abs(*number) * 0x1p-11f + 0x1p-25f
                                : dtype == DType::kBF16 ? std::abs(*number) * 0x1p-8f
                                : dtype == DType::kQ8_0 ? largest * (0.5f / 127 + 0x1p-11f) + 0x1p-18f
                                                        : (*most - *least) * (0.5f / 15 + 0x1p-10f) +
                                                              std::abs(*least) * 0x1p-11f + 0x1p-20f;
            ASSERT_LE(error, bound) << name(dtype) << ", " << width << " numbers of " << size;
          }
        }
      }
    }
}

// What lies in whole blocks is what GGUF's decoders read.
TEST(KvRow, WholeBlocksAreGgufs) {
  const auto x = random_numbers(96, 1);
  for (const DType dtype : {DType::kQ8_0, DType::kQ4_1}) {
    const auto bytes = encoded(dtype, x);
    ASSERT_EQ(bytes.size(), row_bytes(dtype, 96));
    std::vector<float> found(96);
    decode_row(dtype, bytes.data(), found.data(), 96);
    EXPECT_EQ(found, stored(dtype, x));
  }
}

TEST(KvRow, ABlockWorkedOutByHand) {
  std::vector<float> x(33, 0.0f);
  x[0] = -127, x[1] = 63.4f, x[2] = 0.5f, x[3] = 1.5f, x[32] = 2;
  const auto q8 = encoded(DType::kQ8_0, x);
  BlockQ8_0 block;
  std::memcpy(&block, q8.data(), sizeof block);
  EXPECT_EQ(block.scale.value(), 1.0f);
  EXPECT_EQ(block.quants[0], -127);
  EXPECT_EQ(block.quants[1], 63);
  EXPECT_EQ(block.quants[2], 0);  // ties to even
  EXPECT_EQ(block.quants[3], 2);
  EXPECT_EQ(static_cast<int8_t>(q8.back()), 127);

  std::fill(x.begin(), x.end(), 1.0f);
  x[0] = -2, x[16] = 28, x[17] = 4;  // a scale of 2
  const auto q4 = encoded(DType::kQ4_1, x);
  EXPECT_EQ(q4[4], std::byte{0xF0});
  EXPECT_EQ(q4[5], std::byte{0x32});  // (4 + 2) / 2, and 1.5 to even
  EXPECT_EQ(q4.size(), 20u + 5u);
  EXPECT_EQ(stored(DType::kQ4_1, x).back(), 1.0f);  // a block of one number is its minimum
}

TEST(KvRow, SmallestAndLargestNumbers) {
  for (const DType dtype : {DType::kQ8_0, DType::kQ4_1}) {
    EXPECT_EQ(stored(dtype, std::vector<float>(40, 0.0f)), std::vector<float>(40, 0.0f));
    std::vector<float> signs(40, 0.0f);
    for (size_t index = 0; index < signs.size(); index += 3) signs[index] = -0.0f;
    EXPECT_EQ(encoded(dtype, signs), encoded(dtype, std::vector<float>(40, 0.0f))) << name(dtype);
    for (const float number : {1e-45f, -1e-30f, 1e-9f})
      EXPECT_EQ(stored(dtype, std::vector<float>(40, number))[39], 0.0f) << name(dtype) << " of " << number;
  }
  EXPECT_NEAR(stored(DType::kQ8_0, std::vector<float>(40, 8e6f))[39], 8e6f, 8e6f * 0x1p-10f);
}

// A number that is not finite, or too large to be stored, makes its block not a number: never a wrong finite one.
TEST(KvRow, WhatIsNotFiniteStaysSo) {
  const float infinity = std::numeric_limits<float>::infinity();
  for (const DType dtype : {DType::kQ8_0, DType::kQ4_1})
    for (const float broken : {std::nanf(""), infinity, -infinity, 3e38f, -1e7f})
      for (const size_t place : {0, 17, 31, 32, 39}) {
        auto x = random_numbers(40, 1);
        x[place] = broken;
        const auto found = stored(dtype, x);
        for (size_t index = 0; index < x.size(); ++index)
          EXPECT_EQ(std::isnan(found[index]), index / 32 == place / 32)
              << name(dtype) << " with " << broken << " at " << place;
      }
  for (const float broken : {std::nanf(""), infinity, -infinity}) {
    EXPECT_FALSE(std::isfinite(stored(DType::kF16, {broken})[0]));
    EXPECT_FALSE(std::isfinite(stored(DType::kBF16, {broken})[0]));
  }
}

TEST(KvRow, Bfloat16RoundsToNearestEven) {
  for (const auto& [number, expected] : {std::pair{1.0f + 0x1p-8f, 1.0f},
                                         {1.0f + 3 * 0x1p-8f, 1.0f + 0x1p-6f},
                                         {1.0f + 0x1p-8f + 0x1p-20f, 1.0f + 0x1p-7f},
                                         {-3.0f, -3.0f},
                                         {1e-45f, 0.0f}})
    EXPECT_EQ(stored(DType::kBF16, {number})[0], expected);
  EXPECT_TRUE(std::isinf(stored(DType::kBF16, {std::numeric_limits<float>::max()})[0]));
}

}  // namespace
}  // namespace paddock::tensor
