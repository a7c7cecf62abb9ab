// SPDX-License-Identifier: Apache-2.0
// Norms and rotation of the vector machines have the reference's bits; SiLU differs from it by a few roundings.

#include "kernels/vector/row_kernels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "kernels/cpu/features.h"
#include "kernels/host/host_memory.h"
#include "kernels/reference/machine.h"
#include "kernels/vector/row_operations.h"

namespace paddock::kernels {
namespace {

constexpr int64_t kWidths[] = {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 64, 88, 96, 128, 130, 5120};

class RowKernelsTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const bool available = GetParam() == std::string("avx2") ? cpu_features().avx2 : cpu_features().avx512;
    if (!available) GTEST_SKIP() << "this processor has no " << GetParam();
  }
  static const RowKernels& kernels() {
    return GetParam() == std::string("avx2") ? avx2::kRowKernels : avx512::kRowKernels;
  }
  std::vector<float> random(int64_t count) {
    std::normal_distribution<float> normal;
    std::vector<float> numbers(static_cast<size_t>(count));
    for (float& number : numbers) number = normal(random_);
    return numbers;
  }
  static Rows rows_of(const std::vector<float>& numbers, int64_t width) {
    return {HostMemory::address_of(numbers.data()), static_cast<int64_t>(numbers.size()) / width, width};
  }
  static bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
  }

  std::mt19937 random_{3};
  ReferenceMachine reference_{1};
  ThreadPool pool_{2};
  RowOperations operations_{kernels(), &pool_};
};

TEST_P(RowKernelsTest, NormsHaveTheReferencesBits) {
  for (const int64_t width : kWidths)
    for (const int64_t rows : {1, 3, 40}) {
      const auto x = random(rows * width), weight = random(width);
      auto expected = x, found = x;
      const auto norm = [&](auto& machine, const std::vector<float>& y) {
        machine.rms_norm({rows_of(x, width),
                          {HostMemory::address_of(weight.data()), tensor::DType::kF32, width},
                          1e-5f,
                          rows_of(y, width)});
      };
      norm(reference_, expected);
      norm(operations_, found);
      EXPECT_TRUE(same_bits(expected, found)) << width;
      for (const int64_t heads : {1, 4}) {
        auto expected_heads = random(rows * width * heads), found_heads = expected_heads;
        reference_.head_norm({rows_of(expected_heads, width * heads), width, 1e-5f});
        operations_.head_norm({rows_of(found_heads, width * heads), width, 1e-5f});
        EXPECT_TRUE(same_bits(expected_heads, found_heads)) << heads << " heads of " << width;
      }
    }
}

TEST_P(RowKernelsTest, NormTakesWeightsOfAnyType) {
  auto x = random(5 * 20), expected = x;
  std::vector<uint16_t> weight(20, 0x4049);  // bf16 of 3.14
  const NormWeight stored{HostMemory::address_of(weight.data()), tensor::DType::kBF16, 20};
  reference_.rms_norm({rows_of(x, 20), stored, 1e-5f, rows_of(expected, 20)});
  operations_.rms_norm({rows_of(x, 20), stored, 1e-5f, rows_of(x, 20)});
  EXPECT_TRUE(same_bits(expected, x));
}

TEST_P(RowKernelsTest, RotationHasTheReferencesBits) {
  for (const RopePairs pairs : {RopePairs::kInterleaved, RopePairs::kHalves})
    for (const int64_t width : {2, 6, 16, 18, 34, 64, 88, 128, 130})
      for (const int64_t rotated : {width / 2 / 2 * 2, width})
        for (const int64_t rows : {1, 3, 70}) {
          std::vector<float> frequencies(static_cast<size_t>(rotated / 2));
          for (size_t pair = 0; pair < frequencies.size(); ++pair)
            frequencies[pair] = std::pow(500000.0f, -static_cast<float>(2 * pair) / static_cast<float>(width));
          std::vector<int64_t> positions(static_cast<size_t>(rows));
          for (int64_t& position : positions) position = static_cast<int64_t>(random_() % 10'000'000);
          // Twice with the same positions, then with others: turns that are kept must not outlive them.
          for (const int64_t later : {0, 0, 1}) {
            positions.back() += later;
            auto expected = random(rows * 3 * width), found = expected;
            reference_.rotate({rows_of(expected, 3 * width), width, positions, frequencies, pairs});
            operations_.rotate({rows_of(found, 3 * width), width, positions, frequencies, pairs});
            EXPECT_TRUE(same_bits(expected, found)) << rotated << " of " << width << ", " << rows << " rows";
          }
        }
}

// Relative error of silu(z) * up: the exponential's 2 units in the last place and four roundings, in units of 2^-24.
TEST_P(RowKernelsTest, SiluIsWithinAFewRoundings) {
  std::vector<float> z;
  for (double value = -86; value < 120; value += 0.00371) z.push_back(static_cast<float>(value));
  for (const float value : {0.0f, -0.0f, 1e-30f, -1e-30f, 1e30f}) z.push_back(value);
  const std::vector<float> up(z.size(), 1.7f);
  std::vector<float> found = z;
  operations_.silu_multiply(rows_of(found, 1), rows_of(up, 1));
  double largest = 0;
  for (size_t index = 0; index < z.size(); ++index) {
    const double exact = z[index] / (1 + std::exp(-static_cast<double>(z[index]))) * static_cast<double>(up[index]);
    if (exact == 0)
      EXPECT_EQ(found[index], 0);
    else
      largest = std::max(largest, std::abs(found[index] / exact - 1));
  }
  EXPECT_LT(largest, 8 * 0x1p-24);
}

TEST_P(RowKernelsTest, SiluAtTheEnds) {
  constexpr float kEndless = std::numeric_limits<float>::infinity(), kNothing = std::numeric_limits<float>::quiet_NaN();
  std::vector<float> gate = {-88.0f, -200.0f, -1e30f, kEndless, kNothing, -3e38f};
  const std::vector<float> up(gate.size(), 1.0f);
  kernels().silu_multiply(gate.data(), up.data(), static_cast<int64_t>(gate.size()));
  for (const size_t index : {0, 1, 2, 5}) EXPECT_NEAR(gate[index], 0, 1e-35) << index;
  EXPECT_EQ(gate[3], kEndless);
  EXPECT_TRUE(std::isnan(gate[4]));
}

TEST_P(RowKernelsTest, SiluMayBeCutAnywhere) {
  const auto gate = random(100), up = random(100);
  auto whole = gate;
  kernels().silu_multiply(whole.data(), up.data(), 100);
  for (int64_t cut = 0; cut <= 100; ++cut) {
    auto cut_in_two = gate;
    kernels().silu_multiply(cut_in_two.data(), up.data(), cut);
    kernels().silu_multiply(cut_in_two.data() + cut, up.data() + cut, 100 - cut);
    EXPECT_TRUE(same_bits(whole, cut_in_two)) << cut;
  }
}

INSTANTIATE_TEST_SUITE_P(Machines, RowKernelsTest, testing::Values("avx2", "avx512"),
                         [](const auto& machine) { return std::string(machine.param); });

}  // namespace
}  // namespace paddock::kernels
