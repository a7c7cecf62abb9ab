// SPDX-License-Identifier: Apache-2.0
// The vector decoder against tensor::decode_row: the same bits for every format.

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "kernels/cpu/features.h"
#include "kernels/vector/float_kernels.h"
#include "tensor/decode.h"

namespace paddock::kernels {
namespace {

using tensor::DType;

void expect_bits(DType dtype, const std::vector<std::byte>& bytes, int64_t count) {
  std::vector<float> expected(static_cast<size_t>(count)), found(static_cast<size_t>(count));
  tensor::decode_row(dtype, bytes.data(), expected.data(), count);
  avx2::decode_row(dtype, bytes.data(), found.data(), count);
  for (size_t index = 0; index < expected.size(); ++index) {
    if (std::isnan(expected[index]))
      ASSERT_TRUE(std::isnan(found[index])) << tensor::name(dtype) << " " << index;
    else
      ASSERT_EQ(std::memcmp(&expected[index], &found[index], sizeof(float)), 0)
          << tensor::name(dtype) << " " << index << ": " << found[index] << ", not " << expected[index];
  }
}

TEST(VectorDecode, HasTheBitsOfTheReference) {
  if (!cpu_features().avx2) GTEST_SKIP() << "this processor has no AVX2";
  std::mt19937 random(5);
  for (int format = 0; format <= static_cast<int>(DType::kMXFP4); ++format) {
    const auto dtype = static_cast<DType>(format);
    if (!tensor::is_decodable(dtype)) continue;
    const int64_t block = tensor::info(dtype).values;
    for (const int64_t blocks : {1, 2, 7, 8, 9, 40, 1001}) {
      std::vector<std::byte> bytes(tensor::row_bytes(dtype, blocks * block));
      for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
      expect_bits(dtype, bytes, blocks * block);
    }
  }
}

TEST(VectorDecode, EveryNumberOfSixteenAndEightBits) {
  if (!cpu_features().avx2) GTEST_SKIP() << "this processor has no AVX2";
  std::vector<std::byte> words(2 << 16), bytes(256);
  for (uint32_t bits = 0; bits < 1 << 16; ++bits) std::memcpy(&words[2 * bits], &bits, 2);
  for (uint32_t bits = 0; bits < 256; ++bits) bytes[bits] = static_cast<std::byte>(bits);
  expect_bits(DType::kF16, words, 1 << 16);
  expect_bits(DType::kBF16, words, 1 << 16);
  expect_bits(DType::kF8E4M3, bytes, 256);
}

}  // namespace
}  // namespace paddock::kernels
