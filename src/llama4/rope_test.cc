// SPDX-License-Identifier: Apache-2.0
#include "llama4/rope.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/mapped_file.h"

namespace paddock::llama4 {
namespace {

// Inverse frequencies of the published models, as the models' own library computes them in float32.
std::vector<float> published(const std::string& name) {
  const std::string path = PADDOCK_SOURCE_DIR "/tests/data/text/constants.json";
  const Json json = parse_json(read_text_file(path).value(), path).value();
  return json.at("inv_freq").at(name).get<std::vector<float>>();
}

void expect_same(const std::vector<float>& actual, const std::vector<float>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  // One unit in the last place: two libraries' powers may differ by that.
  for (size_t pair = 0; pair < actual.size(); ++pair)
    EXPECT_NEAR(actual[pair], expected[pair], std::abs(expected[pair]) * 1.2e-7) << pair;
}

TEST(Rope, Scout) {
  auto frequencies = rope_frequencies(5e5, 128);
  apply_llama3_scaling({.factor = 16, .low_frequency_factor = 1, .high_frequency_factor = 1, .original_context = 8192},
                       frequencies);
  expect_same(frequencies, published("scout: theta 5e5, llama3 factor 16 low 1 high 1 original 8192"));
}

TEST(Rope, BaseModels) {
  auto frequencies = rope_frequencies(5e5, 128);
  apply_llama3_scaling({.factor = 8, .low_frequency_factor = 1, .high_frequency_factor = 4, .original_context = 8192},
                       frequencies);
  expect_same(frequencies, published("base: theta 5e5, llama3 factor 8 low 1 high 4 original 8192"));
}

TEST(Rope, Maverick) { expect_same(rope_frequencies(5e5, 128), published("maverick: theta 5e5")); }

}  // namespace
}  // namespace paddock::llama4
