// SPDX-License-Identifier: Apache-2.0
// The vector tables of likelihoods against the plain one: the same bits, whatever the numbers and however many.

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "kernels/cpu/features.h"
#include "kernels/vector/likelihood_kernels.h"

namespace paddock::kernels {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity(), kNan = std::numeric_limits<float>::quiet_NaN();
// Around every width: of registers, lanes, blocks, a vocabulary.
constexpr int64_t kCounts[] = {1,  2,  7,  8,   9,   15,   16,   17,   23,   24,   25,   31,
                               32, 33, 63, 512, 999, 1023, 1024, 1025, 1039, 1041, 2048, 202048};

class LikelihoodKernelsTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const bool available = GetParam() == std::string("avx2") ? cpu_features().avx2 : cpu_features().avx512;
    if (!available) GTEST_SKIP() << "this processor has no " << GetParam();
  }
  static const LikelihoodKernels& vector() {
    return GetParam() == std::string("avx2") ? avx2::kLikelihoodKernels : avx512::kLikelihoodKernels;
  }
  // Ties, both zeros and, where `odd`, numbers that are none or infinite.
  std::vector<float> logits(int64_t count, bool odd) {
    std::normal_distribution<float> normal(0, 5);
    std::vector<float> numbers(static_cast<size_t>(count));
    for (float& number : numbers) {
      number = normal(random_);
      const uint32_t kind = random_() % 16;
      if (kind == 0) number = std::round(number);
      if (kind == 1) number = random_() % 2 == 0 ? 0.0f : -0.0f;
      if (odd && kind == 2) number = kNan;
      if (odd && kind == 3) number = random_() % 2 == 0 ? kInfinity : -kInfinity;
      if (odd && kind == 4) number = random_() % 2 == 0 ? 3e38f : -3e38f;
    }
    return numbers;
  }
  template <typename Number>
  static bool same_bits(const std::vector<Number>& a, const std::vector<Number>& b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(Number)) == 0;
  }
  std::mt19937 random_{5};
};

TEST_P(LikelihoodKernelsTest, LaneMaxima) {
  for (const int64_t count : kCounts)
    for (const bool odd : {false, true}) {
      const auto x = logits(count, odd);
      std::vector<float> expected(static_cast<size_t>(likelihood_blocks(count) * kLikelihoodLanes)), found = expected;
      reference::kLikelihoodKernels.lane_maxima(x.data(), count, expected.data());
      vector().lane_maxima(x.data(), count, found.data());
      EXPECT_TRUE(same_bits(expected, found)) << count;
    }
}

TEST_P(LikelihoodKernelsTest, WeightsAndTheirSums) {
  for (const int64_t count : kCounts)
    for (const bool odd : {false, true})
      for (const Softening& softening : {Softening{.maximum = 17},
                                         {.maximum = 20, .inverse_temperature = 1.4f, .least = 0x1p-60f},
                                         {.maximum = 9, .inverse_temperature = 0.02f, .least = 0.3f},
                                         {.maximum = 12, .inverse_temperature = std::numeric_limits<float>::max()}}) {
        auto x = logits(count, odd);
        for (float& number : x) number = number > softening.maximum ? softening.maximum : number;
        std::vector<float> expected(x.size()), found = x;
        reference::kLikelihoodKernels.weigh(x.data(), count, softening, expected.data());
        vector().weigh(found.data(), count, softening, found.data());  // in place
        ASSERT_TRUE(same_bits(expected, found)) << count;
        for (const float least : {0.0f, 1e-3f, 1.0f}) {
          std::vector<float> sums(static_cast<size_t>(likelihood_blocks(count))), found_sums = sums;
          reference::kLikelihoodKernels.block_sums(expected.data(), count, least, sums.data());
          vector().block_sums(expected.data(), count, least, found_sums.data());
          EXPECT_TRUE(same_bits(sums, found_sums)) << count << " " << least;
        }
      }
}

// The plain one itself against the equation in double precision.
TEST_P(LikelihoodKernelsTest, WeightsAreExponentials) {
  std::vector<float> x;
  for (double value = 0; value > -87; value -= 0.00137) x.push_back(static_cast<float>(value));
  std::vector<float> weights(x.size());
  vector().weigh(x.data(), static_cast<int64_t>(x.size()), {}, weights.data());
  for (size_t index = 0; index < x.size(); ++index)
    ASSERT_NEAR(weights[index] / std::exp(static_cast<double>(x[index])), 1, 3 * 0x1p-24) << x[index];
}

TEST_P(LikelihoodKernelsTest, WhatIsFound) {
  for (const int64_t count : kCounts)
    for (const float least : {-kInfinity, -4.0f, 0.0f, 3.0f, 100.0f, kInfinity}) {
      const auto x = logits(count, true);
      std::vector<int32_t> expected(x.size()), found(x.size());
      expected.resize(static_cast<size_t>(reference::kLikelihoodKernels.find(x.data(), count, least, expected.data())));
      found.resize(static_cast<size_t>(vector().find(x.data(), count, least, found.data())));
      EXPECT_EQ(expected, found) << count << " " << least;
    }
}

INSTANTIATE_TEST_SUITE_P(Machines, LikelihoodKernelsTest, testing::Values("avx2", "avx512"),
                         [](const auto& machine) { return std::string(machine.param); });

}  // namespace
}  // namespace paddock::kernels
