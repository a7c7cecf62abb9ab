// SPDX-License-Identifier: Apache-2.0
#include "export/rope_scaling.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "export/gguf_plan.h"

namespace paddock::exporting {
namespace {

using llama4::Llama3Scaling;
using testing::HasSubstr;

// What a GGUF file leaves of it.
llama4::Config config_without_words(const Llama3Scaling& scaling, double theta, int64_t head) {
  llama4::Config config;
  config.head_width = head;
  config.rope_origin.theta = theta;
  config.rope_frequencies = llama4::rope_frequencies(theta, head);
  llama4::apply_llama3_scaling(scaling, config.rope_frequencies);
  return config;
}

TEST(RopeScaling, IsToldFromWhatItMade) {
  for (const Llama3Scaling& scaling : {Llama3Scaling{16, 1, 1, 8192}, Llama3Scaling{8, 1, 4, 8192},
                                       Llama3Scaling{32, 1, 4, 8192}, Llama3Scaling{4, 2, 3, 4096}})
    for (const int64_t head : {64, 128}) {
      const llama4::Config config = config_without_words(scaling, 500000, head);
      const auto told = rope_scaling_of(config, "model.gguf");
      ASSERT_TRUE(told) << told.error().message;
      ASSERT_TRUE(*told);
      EXPECT_EQ((*told)->factor, scaling.factor);
      std::vector<float> made = llama4::rope_frequencies(500000, head);
      llama4::apply_llama3_scaling(**told, made);
      for (size_t pair = 0; pair < made.size(); ++pair)
        EXPECT_NEAR(made[pair], config.rope_frequencies[pair], 1e-5f * made[pair]) << pair;
    }
}

TEST(RopeScaling, TheFilesOwnWordsCount) {
  llama4::Config config = config_without_words({8, 1, 4, 8192}, 500000, 64);
  config.rope_origin.llama3 = Llama3Scaling{8, 1, 4, 8192};
  const auto told = rope_scaling_of(config, "config.json");
  ASSERT_TRUE(told && *told);
  EXPECT_EQ((*told)->high_frequency_factor, 4);
  EXPECT_EQ((*told)->original_context, 8192);
}

TEST(RopeScaling, NoneIsNone) {
  llama4::Config config = config_without_words({1, 1, 1, 8192}, 10000, 16);
  config.rope_frequencies = llama4::rope_frequencies(10000, 16);
  EXPECT_EQ(rope_scaling_of(config, "model.gguf").value(), std::nullopt);
  EXPECT_TRUE(rope_factors(config).empty());
  config.rope_origin.linear_factor = 4;
  for (float& frequency : config.rope_frequencies) frequency /= 4;
  EXPECT_EQ(rope_scaling_of(config, "model.gguf").value(), std::nullopt);
  EXPECT_TRUE(rope_factors(config).empty());
}

TEST(RopeScaling, RefusesOtherFrequencies) {
  llama4::Config config = config_without_words({1, 1, 1, 8192}, 10000, 16);
  for (size_t pair = 0; pair < config.rope_frequencies.size(); ++pair)
    config.rope_frequencies[pair] *= pair % 2 == 0 ? 0.3f : 0.7f;
  const auto told = rope_scaling_of(config, "model.gguf");
  ASSERT_FALSE(told);
  EXPECT_THAT(told.error().message, HasSubstr("model.gguf: expected rotary frequencies of plain, linear or llama3"));
}

TEST(RopeScaling, FactorsDivideBackToTheFrequencies) {
  const llama4::Config config = config_without_words({8, 1, 4, 8192}, 500000, 128);
  const std::vector<float> factors = rope_factors(config), base = llama4::rope_frequencies(500000, 128);
  ASSERT_EQ(factors.size(), base.size());
  for (size_t pair = 0; pair < base.size(); ++pair)
    EXPECT_NEAR(base[pair] / factors[pair], config.rope_frequencies[pair], 1.2e-7f * config.rope_frequencies[pair]);
}

}  // namespace
}  // namespace paddock::exporting
