// SPDX-License-Identifier: Apache-2.0
// paddock upcycle: where it promises the dense model's function, it gives it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/mapped_file.h"
#include "tests/support/golden.h"
#include "tests/support/program.h"
#include "upcycle/neurons.h"

namespace paddock::test {
namespace {

using testing::HasSubstr;

std::string dense() { return (data_folder() / "text" / "tiny-llama").string(); }

std::vector<int32_t> some_tokens() {
  std::vector<int32_t> tokens;
  for (int32_t at = 0; at < 60; ++at) tokens.push_back(at * at * 7 % 97);
  return tokens;
}

class Upcycle : public testing::Test {
 protected:
  std::string make(const Arguments& more, const std::string& experts = "3") {
    const std::string out = scratch_.path("out" + std::to_string(made_++));
    Arguments arguments = {"upcycle", dense(), out, "--experts", experts, "--dtype", "f32"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Ran ran = run_program(arguments);
    EXPECT_EQ(ran.status, 0) << ran.err;
    return out;
  }
  // The length of the difference of logits, beside that of the logits.
  static double distance(const std::string& upcycled, const std::vector<int32_t>& tokens = some_tokens()) {
    const auto one = load(dense()), other = load(upcycled);
    if (!one || !other) return INFINITY;
    const auto expected = all_logits(*one, tokens, 60), found = all_logits(*other, tokens, 60);
    double all = 0, difference = 0;
    for (size_t row = 0; row < expected.size(); ++row)
      for (size_t token = 0; token < expected[row].size(); ++token) {
        all += std::pow(expected[row][token], 2);
        difference += std::pow(expected[row][token] - found[row][token], 2);
      }
    return std::sqrt(difference / all);
  }
  ScratchFolder scratch_;
  int made_ = 0;
};

TEST_F(Upcycle, IsTheDenseModelWhereItPromisesTo) {
  for (const char* start : {"noise", "slices"})
    for (const char* width : {"0", "1000"})
      for (const char* moe_every : {"1", "2"})
        EXPECT_LT(distance(make({"--experts-from", start, "--expert-width", width, "--moe-every", moe_every,
                                 "--nope-every", "0", "--top-k", "2"})),
                  2e-6)
            << start << " " << width << " " << moe_every;
}

TEST_F(Upcycle, DiffersWhereItIsAskedTo) {
  for (const Arguments& more :
       {Arguments{"--nope-every", "2"}, Arguments{"--nope-every", "0", "--qk-norm"},
        Arguments{"--nope-every", "0", "--chunk", "16"}, Arguments{"--nope-every", "0", "--layers", "0"}}) {
    const double found = distance(make(more));
    EXPECT_GT(found, 1e-4) << more.back();
    EXPECT_TRUE(std::isfinite(found)) << more.back();
  }
}

// One expert that has all the neurons which the shared one has not, behind a gate of a half: near, because a router of
// noise is near 0; and slices are nearer than nothing.
TEST_F(Upcycle, SlicesCarryWhatTheSharedExpertLacks) {
  const Json config = Json::parse(read_text_file(dense() + "/config.json").value());
  const std::string half = std::to_string(config["intermediate_size"].get<int64_t>() / 2);
  const double slices = distance(make({"--expert-width", half, "--nope-every", "0"}, "1"));
  const double noise = distance(make({"--expert-width", half, "--nope-every", "0", "--experts-from", "noise"}, "1"));
  EXPECT_LT(slices, 0.1 * noise);
  RecordProperty("slices", std::to_string(slices));
  RecordProperty("noise", std::to_string(noise));
}

// The more neurons are kept, the nearer; with all of them it is the dense model.
TEST_F(Upcycle, LayersWithoutExpertsKeepTheStrongestNeurons) {
  const Json config = Json::parse(read_text_file(dense() + "/config.json").value());
  const auto neurons = config["intermediate_size"].get<int64_t>();
  std::vector<double> distances;
  for (const int64_t kept : {neurons / 4, neurons * 3 / 4, neurons})
    distances.push_back(distance(make({"--mlp-width", std::to_string(kept), "--nope-every", "0", "--moe-every", "2"})));
  EXPECT_GT(distances[0], distances[1]);
  EXPECT_GT(distances[1], 1e-3);
  EXPECT_LT(distances[2], 2e-6);
}

TEST_F(Upcycle, WritesAConfigurationThatSaysWhatWasAsked) {
  const std::string out =
      make({"--nope-every", "2", "--chunk", "32", "--qk-norm", "--top-k", "2", "--expert-width", "24"});
  const Json config = Json::parse(read_text_file(out + "/config.json").value());
  EXPECT_EQ(config["no_rope_layers"][1], 0);
  EXPECT_EQ(config["layer_types"][0], "chunked_attention");
  EXPECT_EQ(config["layer_types"][1], "full_attention");
  EXPECT_EQ(config["num_experts_per_tok"], 2);
  EXPECT_EQ(config["intermediate_size"], 24);
  EXPECT_EQ(config["attention_chunk_size"], 32);
  EXPECT_TRUE(config["use_qk_norm"].get<bool>());
}

TEST_F(Upcycle, RefusesWhatMakesNoModel) {
  const auto expect = [&](const std::string& sentence, const Arguments& arguments) {
    Arguments all = {"upcycle"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    const Ran ran = run_program(all);
    EXPECT_NE(ran.status, 0);
    EXPECT_THAT(ran.err, HasSubstr(sentence));
  };
  const std::string out = scratch_.path("out");
  expect("expected a dense Llama model", {(data_folder() / "text" / "tiny-scout").string(), out});
  expect("--top-k: expected 1 to 2", {dense(), out, "--experts", "2", "--top-k", "3"});
  expect("--layers: expected 0 to", {dense(), out, "--layers", "0,99"});
  expect("--expert-width", {dense(), out, "--expert-width", "99999999"});
  expect("--mlp-width: expected 0 to", {dense(), out, "--mlp-width", "99999999"});
  expect("expected another folder", {dense(), dense()});
  expect("nowhere", {scratch_.path("nowhere"), out});
}

// Neurons that answer on the text are kept, whatever their weights: on that text less is lost.
TEST_F(Upcycle, ATextSaysWhichNeuronsAreStrong) {
  const std::string speaking = scratch_.path("speaking");
  std::filesystem::copy(dense(), speaking);
  std::filesystem::copy(data_folder() / "text" / "tiny-scout" / "tokenizer.json", speaking + "/tokenizer.json");
  std::string lines;
  for (int line = 0; line < 12; ++line) lines += "The horse eats " + std::to_string(line) + " apples a day.\n";
  const std::string text = scratch_.write("work.txt", lines);
  const auto tokens = run_json({"tokenize", speaking, "--text", lines, "--json"})["ids"].get<std::vector<int32_t>>();
  const auto lost = [&](const Arguments& more) {
    const std::string out = scratch_.path("narrow" + std::to_string(more.size()));
    Arguments arguments = {"upcycle", speaking,      out, "--experts",      "2",  "--dtype",      "f32", "--mlp-width",
                           "60",      "--moe-every", "2", "--expert-width", "60", "--nope-every", "0"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Ran ran = run_program(arguments);
    EXPECT_EQ(ran.status, 0) << ran.err;
    return distance(out, tokens);
  };
  EXPECT_LT(lost({"--calibrate", text}), 0.95 * lost({}));
}

TEST(UpcycleNeurons, UseAndProjectionMakeStrength) {
  const std::vector<float> use = {2, 1, 3}, down = {1, 4, 0, 0, 3, 0.5F};  // [2, 3]
  EXPECT_EQ(upcycle::strengths_in_use(use, down), (std::vector<float>{2, 5, 1.5F}));
}

TEST(UpcycleNeurons, StrongestAreSharedAndTheRestIsDealt) {
  const std::vector<float> strengths = {1, 5, 3, 4, 2, 6};
  const auto narrow = upcycle::plan_neurons(strengths, 3, 2);
  EXPECT_EQ(narrow.shared, (std::vector<int64_t>{1, 5}));
  EXPECT_EQ(narrow.experts, (std::vector<std::vector<int64_t>>{{3, 2}, {4, 0}, {3, 2}}));
  EXPECT_FALSE(narrow.is_exact);
  const auto wide = upcycle::plan_neurons(strengths, 1, 7);
  EXPECT_EQ(wide.shared, (std::vector<int64_t>{0, 1, 2, 3, 4, 5, upcycle::kFresh}));
  EXPECT_EQ(wide.experts[0], (std::vector<int64_t>{5, 1, 3, 2, 4, 0, upcycle::kFresh}));
  EXPECT_TRUE(wide.is_exact);
}

}  // namespace
}  // namespace paddock::test
