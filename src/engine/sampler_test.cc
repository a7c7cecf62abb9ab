// SPDX-License-Identifier: Apache-2.0
#include "engine/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

namespace paddock::engine {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

int32_t draw(Sampler& sampler, std::vector<float> logits) { return sampler.sample(logits)->token; }

// How often each token is drawn from the same logits by 20,000 seeds.
std::map<int32_t, double> frequencies(SamplingParameters parameters, const std::vector<float>& logits,
                                      std::vector<int32_t> prompt = {}) {
  std::map<int32_t, double> counts;
  for (uint64_t seed = 0; seed < 20000; ++seed) {
    parameters.seed = seed;
    Sampler sampler(parameters, prompt);
    counts[draw(sampler, logits)] += 1.0 / 20000;
  }
  return counts;
}

std::vector<float> logs(std::vector<float> probabilities) {
  for (float& each : probabilities) each = std::log(each);
  return probabilities;
}

TEST(Sampler, TemperatureZeroTakesTheFirstOfTheBest) {
  Sampler sampler({.temperature = 0}, {});
  EXPECT_EQ(draw(sampler, {1, 3, 3, 2}), 1);
  EXPECT_EQ(draw(sampler, {NAN, -5, NAN}), 1);
  EXPECT_EQ(draw(sampler, {-kInfinity, -kInfinity}), 0);
}

TEST(Sampler, DrawsFromTheModelsDistribution) {
  const auto counts = frequencies({}, logs({0.5f, 0.3f, 0.15f, 0.05f}));
  EXPECT_NEAR(counts.at(0), 0.5, 0.015);
  EXPECT_NEAR(counts.at(1), 0.3, 0.015);
  EXPECT_NEAR(counts.at(2), 0.15, 0.015);
  EXPECT_NEAR(counts.at(3), 0.05, 0.01);
}

TEST(Sampler, TemperatureSharpens) {
  const auto counts = frequencies({.temperature = 0.5f}, logs({0.6f, 0.4f}));
  EXPECT_NEAR(counts.at(0), 0.36 / (0.36 + 0.16), 0.015);
}

TEST(Sampler, TopK) {
  const auto counts = frequencies({.top_k = 2}, logs({0.1f, 0.4f, 0.2f, 0.3f}));
  ASSERT_EQ(counts.size(), 2u);
  EXPECT_NEAR(counts.at(1), 4.0 / 7, 0.015);
  EXPECT_NEAR(counts.at(3), 3.0 / 7, 0.015);
}

TEST(Sampler, TopPKeepsTheFewestThatReachIt) {
  EXPECT_EQ(frequencies({.top_p = 0.69f}, logs({0.1f, 0.4f, 0.2f, 0.3f})).size(), 2u);
  EXPECT_EQ(frequencies({.top_p = 0.75f}, logs({0.1f, 0.4f, 0.2f, 0.3f})).size(), 3u);
  EXPECT_EQ(frequencies({.top_p = 0}, logs({0.1f, 0.4f, 0.2f, 0.3f})).size(), 1u);
}

TEST(Sampler, MinPIsRelativeToTheBest) {
  EXPECT_EQ(frequencies({.min_p = 0.6f}, logs({0.1f, 0.4f, 0.2f, 0.3f})).size(), 2u);
  EXPECT_EQ(frequencies({.min_p = 0.2f}, logs({0.1f, 0.4f, 0.2f, 0.3f})).size(), 4u);
}

TEST(Sampler, RepetitionPenaltyCountsPromptAndAnswer) {
  Sampler sampler({.repetition_penalty = 2, .temperature = 0}, std::vector<int32_t>{0});
  EXPECT_EQ(draw(sampler, {3, 2, 1}), 1);     // 1.5, 2, 1
  EXPECT_EQ(draw(sampler, {3, 2, 1.6f}), 2);  // 1.5, 1, 1.6
  Sampler negative({.repetition_penalty = 2, .temperature = 0}, std::vector<int32_t>{0});
  EXPECT_EQ(draw(negative, {-1, -1.5f}), 1);  // -2, -1.5
}

TEST(Sampler, PresenceAndFrequencyPenaltiesCountTheAnswerOnly) {
  Sampler presence({.presence_penalty = 1, .temperature = 0}, std::vector<int32_t>{0, 0});
  EXPECT_EQ(draw(presence, {3, 2.5f}), 0);
  EXPECT_EQ(draw(presence, {3, 2.5f}), 1);
  Sampler frequency({.frequency_penalty = 0.3f, .temperature = 0}, {});
  EXPECT_EQ(draw(frequency, {3, 2.5f}), 0);
  EXPECT_EQ(draw(frequency, {3, 2.5f}), 0);
  EXPECT_EQ(draw(frequency, {3, 2.5f}), 1);
}

TEST(Sampler, LogitBiasAddsAndForbids) {
  Sampler sampler({.logit_bias = {{0, -kInfinity}, {2, 5}}, .temperature = 0}, {});
  EXPECT_EQ(draw(sampler, {9, 1, 0}), 2);
}

TEST(Sampler, AStreamDependsOnItsSeedAlone) {
  const std::vector<float> logits(100, 0.0f);
  const auto stream = [&](uint64_t seed) {
    Sampler sampler({.seed = seed}, {});
    std::vector<int32_t> tokens;
    for (int index = 0; index < 20; ++index) tokens.push_back(draw(sampler, logits));
    return tokens;
  };
  EXPECT_EQ(stream(1), stream(1));
  EXPECT_NE(stream(1), stream(2));
}

TEST(Sampler, LogProbabilitiesAreTheModelsOwn) {
  Sampler sampler({.logit_bias = {{1, 100}}, .temperature = 0, .top_logprobs = 2}, {});
  std::vector<float> logits = logs({0.5f, 0.125f, 0.375f});
  const auto choice = *sampler.sample(logits);
  EXPECT_EQ(choice.token, 1);
  ASSERT_TRUE(choice.logprobs);
  EXPECT_NEAR(choice.logprobs->chosen, std::log(0.125f), 1e-6);
  ASSERT_EQ(choice.logprobs->best.size(), 2u);
  EXPECT_EQ(choice.logprobs->best[0].first, 0);
  EXPECT_NEAR(choice.logprobs->best[1].second, std::log(0.375f), 1e-6);
}

TEST(CheckSampling, NamesWhatIsOutOfRange) {
  const auto refused = [](const SamplingParameters& parameters) {
    const auto result = check_sampling(parameters, 10);
    return result ? "" : result.error().message;
  };
  EXPECT_EQ(refused({}), "");
  EXPECT_NE(refused({.temperature = -1}).find("temperature: expected 0"), std::string::npos);
  EXPECT_NE(refused({.temperature = NAN}).find("temperature"), std::string::npos);
  EXPECT_NE(refused({.top_p = 1.5f}).find("top_p"), std::string::npos);
  EXPECT_NE(refused({.repetition_penalty = 0}).find("repetition_penalty"), std::string::npos);
  EXPECT_NE(refused({.logit_bias = {{10, 1}}}).find("logit_bias"), std::string::npos);
}

}  // namespace
}  // namespace paddock::engine
