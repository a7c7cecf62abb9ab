// SPDX-License-Identifier: Apache-2.0
// Numbers encoded and decoded again: what a format cannot hold is bounded by its own steps, and what it can hold comes
// back.

#include "tensor/encode.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "tensor/decode.h"

namespace paddock::tensor {
namespace {

constexpr DType kBlockFormats[] = {DType::kQ8_0, DType::kQ5_1, DType::kQ5_0, DType::kQ4_1, DType::kQ4_0,
                                   DType::kQ6_K, DType::kQ5_K, DType::kQ4_K, DType::kQ3_K, DType::kQ2_K};

std::vector<float> through(DType dtype, const std::vector<float>& values) {
  const auto count = static_cast<int64_t>(values.size());
  std::vector<std::byte> bytes(row_bytes(dtype, count) + 1);
  encode_row(dtype, values.data(), bytes.data() + 1, count);  // at an odd address
  std::vector<float> back(values.size());
  decode_row(dtype, bytes.data() + 1, back.data(), count);
  return back;
}

// Twelve uniform numbers make a normal one that every library draws alike.
std::vector<float> normal_numbers(size_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<float> values(count);
  for (float& value : values) {
    double sum = -6;
    for (int draw = 0; draw < 12; ++draw) sum += random() * 0x1p-32;
    value = static_cast<float>(sum);
  }
  return values;
}

double root_of_squares(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (size_t index = 0; index < a.size(); ++index)
    sum += (static_cast<double>(a[index]) - b[index]) * (static_cast<double>(a[index]) - b[index]);
  return std::sqrt(sum / static_cast<double>(a.size()));
}

// On normal numbers, as a share of their deviation: what llama.cpp's own encoders leave of the same numbers, measured
// with ggml_quantize_chunk and without an importance matrix (tests/exported/run quantisers). Ours leave less.
TEST(Encode, LeavesLessThanLlamaCpp) {
  const std::vector<float> values = normal_numbers(65536, 1);
  const std::map<DType, double> theirs = {{DType::kQ8_0, 0.005261}, {DType::kQ5_1, 0.037464}, {DType::kQ5_0, 0.042036},
                                          {DType::kQ4_1, 0.077745}, {DType::kQ4_0, 0.084969}, {DType::kQ6_K, 0.017509},
                                          {DType::kQ5_K, 0.035763}, {DType::kQ4_K, 0.070756}, {DType::kQ3_K, 0.149207},
                                          {DType::kQ2_K, 0.294745}};
  for (const DType dtype : kBlockFormats) {
    const double error = root_of_squares(values, through(dtype, values));
    RecordProperty(std::string(name(dtype)), std::to_string(error));
    EXPECT_LT(error, theirs.at(dtype)) << name(dtype);
  }
}

struct Steps {
  int group, quants;   // values that share a scale; quants between its extremes
  int scales, minima;  // into which the block's largest is divided; 0: stored by itself
  bool symmetric;      // around zero
};
Steps steps_of(DType dtype) {
  switch (dtype) {
    case DType::kQ8_0: return {32, 254, 0, 0, true};
    case DType::kQ5_0: return {32, 30, 0, 0, true};
    case DType::kQ4_0: return {32, 14, 0, 0, true};
    case DType::kQ5_1: return {32, 31, 0, 0, false};
    case DType::kQ4_1: return {32, 15, 0, 0, false};
    case DType::kQ6_K: return {16, 62, 127, 0, true};
    case DType::kQ3_K: return {16, 6, 31, 0, true};
    case DType::kQ5_K: return {32, 31, 63, 63, false};
    case DType::kQ4_K: return {32, 15, 63, 63, false};
    default: return {16, 3, 15, 15, false};
  }
}

// Rounding against a group's own extremes is wrong by half a step, rounding of its scale by half of a scale's step for
// each quant, of its minimum by half of a minimum's step, and halves by 2^-11 of what they hold. The search may not
// leave more than the plain way would, in the sense of squares.
double bound(DType dtype, const std::vector<float>& x) {
  const Steps steps = steps_of(dtype);
  const size_t block = static_cast<size_t>(info(dtype).values), group = static_cast<size_t>(steps.group);
  double sum = 0;
  for (size_t first = 0; first < x.size(); first += block) {
    double widest = 0, deepest = 0, largest = 0;
    for (size_t begin = first; begin < first + block; begin += group) {
      double least = steps.minima > 0 ? 0 : INFINITY, most = steps.minima > 0 ? 0 : -INFINITY;
      for (size_t index = begin; index < begin + group; ++index) {
        least = std::min<double>(least, x[index]);
        most = std::max<double>(most, x[index]);
        largest = std::max<double>(largest, std::abs(x[index]));
      }
      const double range = steps.symmetric ? 2 * std::max(std::abs(least), std::abs(most)) : most - least;
      widest = std::max(widest, range / steps.quants);
      deepest = std::max(deepest, -least);
    }
    double each = widest / 2 + largest * 0x1p-10 + 0x1p-24 * steps.quants;
    if (steps.scales > 0) each += widest / steps.scales / 2 * (steps.symmetric ? steps.quants / 2.0 : steps.quants);
    if (steps.minima > 0) each += deepest / steps.minima / 2;
    sum += each * each * static_cast<double>(block);
  }
  return std::sqrt(sum / static_cast<double>(x.size()));
}

TEST(Encode, StaysWithinTheStepsOfItsFormat) {
  for (const float scale : {1e-30f, 1e-6f, 0.02f, 1.0f, 5000.0f}) {
    std::vector<float> normal = normal_numbers(4096, 2), spiky = normal, positive = normal;
    for (size_t index = 0; index < normal.size(); ++index) {
      normal[index] *= scale;
      spiky[index] *= index % 100 == 7 ? 10 * scale : 0.1f * scale;
      positive[index] = std::abs(normal[index]) + scale;
    }
    for (const DType dtype : kBlockFormats)
      for (const auto& values : {normal, spiky, positive}) {
        const std::vector<float> back = through(dtype, values);
        for (const float value : back) ASSERT_TRUE(std::isfinite(value)) << name(dtype) << " at " << scale;
        EXPECT_LE(root_of_squares(values, back), bound(dtype, values)) << name(dtype) << " at " << scale;
      }
  }
}

TEST(Encode, HoldsZerosAndTheLargest) {
  for (const DType dtype : kBlockFormats) {
    EXPECT_EQ(through(dtype, std::vector<float>(512, 0.0f)), std::vector<float>(512, 0.0f)) << name(dtype);
    std::vector<float> ends(512, -largest_encodable(dtype));
    for (size_t index = 0; index < ends.size(); index += 3) ends[index] = largest_encodable(dtype);
    for (const float value : through(dtype, ends)) EXPECT_TRUE(std::isfinite(value)) << name(dtype);
    const std::vector<float> constant = through(dtype, std::vector<float>(512, -0.75f));
    for (const float value : constant) EXPECT_NEAR(value, -0.75f, 0.75f * 0x1p-9f) << name(dtype);
  }
}

// What the format says exactly: quants times a scale that a half holds, with every quant there.
TEST(Encode, KeepsWhatAFormatHolds) {
  struct Case {
    DType dtype;
    int low, high;
  };
  for (const auto& [dtype, low, high] :
       {Case{DType::kQ8_0, -127, 127}, Case{DType::kQ4_0, -8, 7}, Case{DType::kQ5_0, -16, 15},
        Case{DType::kQ4_1, 0, 15}, Case{DType::kQ5_1, 0, 31}}) {
    std::vector<float> values(64);
    const int count = high - low + 1;
    for (size_t index = 0; index < values.size(); ++index)
      values[index] = 0.0625f * static_cast<float>(index % 32 == 0   ? low
                                                   : index % 32 == 1 ? high
                                                                     : low + static_cast<int>(index * 37) % count);
    EXPECT_EQ(through(dtype, values), values) << name(dtype);
  }
}

TEST(Encode, PlainFloatsAreRoundedToNearest) {
  const std::vector<float> values = {0.0f, 1.0f, -2.5f, 0.1f, 65504.0f, -1e-7f, 3.14159f, 1.0009765f};
  EXPECT_EQ(through(DType::kF32, values), values);
  for (const DType dtype : {DType::kF16, DType::kBF16}) {
    const std::vector<float> back = through(dtype, values);
    const float share = dtype == DType::kF16 ? 0x1p-11f : 0x1p-8f;
    for (size_t index = 0; index < values.size(); ++index)
      EXPECT_NEAR(back[index], values[index], std::abs(values[index]) * share + (dtype == DType::kF16 ? 0x1p-25f : 0));
  }
  EXPECT_FALSE(is_encodable(DType::kIQ2_XS));
  EXPECT_FALSE(is_encodable(DType::kI32));
}

// Rows may be given whole or in pieces.
TEST(Encode, ABlockDependsOnItsOwnNumbers) {
  const std::vector<float> values = normal_numbers(1024, 3);
  for (const DType dtype : kBlockFormats) {
    std::vector<std::byte> whole(row_bytes(dtype, 1024)), pieces(whole.size());
    encode_row(dtype, values.data(), whole.data(), 1024);
    for (int64_t first = 0; first < 1024; first += 256)
      encode_row(dtype, values.data() + first, pieces.data() + row_bytes(dtype, first), 256);
    EXPECT_EQ(whole, pieces) << name(dtype);
  }
}

}  // namespace
}  // namespace paddock::tensor
