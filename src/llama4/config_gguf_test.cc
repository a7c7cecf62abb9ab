// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "checkpoint/gguf_writer.h"
#include "llama4/config.h"
#include "llama4/rope.h"

namespace paddock::llama4 {
namespace {

namespace fs = std::filesystem;
using checkpoint::GgufPair;
using checkpoint::GgufValue;

// Metadata as community converters write it for Llama 4, and the one tensor that the configuration looks at.
class GgufConfigTest : public testing::Test {
 protected:
  void SetUp() override {
    path_ = fs::temp_directory_path() / ("paddock_config_" + std::to_string(::getpid()) + ".gguf");
    pairs_ = {{"general.architecture", std::string("llama4")},
              {"llama4.block_count", uint64_t{8}},
              {"llama4.context_length", uint64_t{4096}},
              {"llama4.embedding_length", uint64_t{64}},
              {"llama4.feed_forward_length", uint64_t{128}},
              {"llama4.attention.head_count", uint64_t{4}},
              {"llama4.attention.head_count_kv", uint64_t{2}},
              {"llama4.attention.key_length", uint64_t{16}},
              {"llama4.attention.layer_norm_rms_epsilon", 1e-5},
              {"llama4.rope.freq_base", 5e5},
              {"llama4.expert_count", uint64_t{16}},
              {"llama4.expert_used_count", uint64_t{1}},
              {"llama4.expert_feed_forward_length", uint64_t{96}},
              {"llama4.interleave_moe_layer_step", uint64_t{2}},
              {"tokenizer.ggml.eos_token_id", uint64_t{7}},
              {"tokenizer.ggml.eot_token_id", uint64_t{8}}};
  }
  void TearDown() override { fs::remove(path_); }

  void set(const std::string& key, GgufValue value) {
    for (GgufPair& pair : pairs_)
      if (pair.key == key) {
        pair.value = std::move(value);
        return;
      }
    pairs_.push_back({key, std::move(value)});
  }
  void erase(const std::string& key) {
    std::erase_if(pairs_, [&](const GgufPair& pair) { return pair.key == key; });
  }
  void add_rope_factors(std::vector<float> factors) { factors_ = std::move(factors); }

  Result<ConfigAndReport> read() {
    const std::vector<float> embedding(10 * 64);
    std::vector<checkpoint::TensorToWrite> tensors = {
        {"token_embd.weight", {tensor::DType::kF32, {10, 64}, std::as_bytes(std::span(embedding))}}};
    if (!factors_.empty())
      tensors.push_back(
          {"rope_freqs.weight",
           {tensor::DType::kF32, {static_cast<int64_t>(factors_.size())}, std::as_bytes(std::span(factors_))}});
    const auto written = checkpoint::write_gguf(path_, pairs_, tensors);
    EXPECT_TRUE(written) << written.error().message;
    const auto opened = checkpoint::Checkpoint::open(path_);
    EXPECT_TRUE(opened) << opened.error().message;
    return config_from_gguf(*opened);
  }
  Config config() {
    auto result = read();
    if (!result) ADD_FAILURE() << result.error().message;
    return result ? result->config : Config{};
  }
  void expect_refusal(const std::string& words) {
    const auto result = read();
    ASSERT_FALSE(result);
    EXPECT_NE(result.error().message.find(words), std::string::npos) << result.error().message;
    EXPECT_EQ(result.error().message.rfind(path_.string(), 0), 0u);
  }
  static std::string pattern(const Config& config, bool LayerPlan::*what) {
    std::string text;
    for (const LayerPlan& layer : config.layers) text += layer.*what ? '1' : '0';
    return text;
  }

  fs::path path_;
  std::vector<GgufPair> pairs_;
  std::vector<float> factors_;
};

TEST_F(GgufConfigTest, Llama4DefaultsAreInferredAndSaid) {
  const auto result = read();
  ASSERT_TRUE(result) << result.error().message;
  const Config& config = result->config;
  EXPECT_EQ(config.chunk, 8192);
  EXPECT_EQ(config.floor_scale, 8192);
  EXPECT_EQ(config.vocabulary, 10);
  EXPECT_TRUE(config.tied_head);
  EXPECT_EQ(pattern(config, &LayerPlan::rope), "11101110");
  EXPECT_EQ(pattern(config, &LayerPlan::chunked), "11101110");
  EXPECT_EQ(pattern(config, &LayerPlan::qk_norm), "11101110");
  EXPECT_EQ(pattern(config, &LayerPlan::temperature), "00010001");
  EXPECT_EQ(pattern(config, &LayerPlan::moe), "01010101");
  EXPECT_EQ(config.stop_tokens, (std::vector<int32_t>{7, 8}));
  EXPECT_EQ(config.rope_pairs, kernels::RopePairs::kInterleaved);
  std::vector<std::string> inferred;
  for (const auto& note : result->report.inferred) inferred.push_back(note.key);
  for (const char* key : {"llama4.attention.chunk_size", "llama4.attention.qk_norm", "llama4.attention.rope_layers",
                          "llama4.attention.temperature_floor_scale", "llama4.vocab_size"})
    EXPECT_NE(std::find(inferred.begin(), inferred.end(), key), inferred.end()) << key;
  EXPECT_EQ(result->report.read.size() + result->report.ignored.size(), pairs_.size());
}

TEST_F(GgufConfigTest, MavericksExpertsMeanNoQkNorm) {
  set("llama4.expert_count", uint64_t{128});
  EXPECT_EQ(pattern(config(), &LayerPlan::qk_norm), "00000000");
}

TEST_F(GgufConfigTest, AWindowOfZeroMeansRotationAndNoChunkEverywhere) {
  set("llama4.attention.sliding_window", uint64_t{0});
  EXPECT_EQ(pattern(config(), &LayerPlan::rope), "11111111");
  EXPECT_EQ(pattern(config(), &LayerPlan::chunked), "00000000");
}

TEST_F(GgufConfigTest, ExplicitKeysWin) {
  set("llama4.attention.chunk_size", uint64_t{32});
  set("llama4.attention.qk_norm", false);
  set("llama4.attention.temperature_floor_scale", 16.0);
  set("llama4.attention.temperature_scale", 0.25);
  set("llama4.attention.rope_layers", std::vector<bool>{true, false, true, true, true, true, true, false});
  const Config config = this->config();
  EXPECT_EQ(config.chunk, 32);
  EXPECT_EQ(config.floor_scale, 16);
  EXPECT_EQ(config.attn_scale, 0.25);
  EXPECT_EQ(pattern(config, &LayerPlan::rope), "10111110");
  EXPECT_EQ(pattern(config, &LayerPlan::temperature), "01000001");
  EXPECT_EQ(pattern(config, &LayerPlan::qk_norm), "00000000");
}

TEST_F(GgufConfigTest, RopeFactorsDivide) {
  add_rope_factors({1, 1, 1, 1, 2, 4, 8, 16});
  const auto plain = rope_frequencies(5e5, 16);
  const auto divided = config().rope_frequencies;
  for (size_t pair = 0; pair < 8; ++pair) EXPECT_FLOAT_EQ(divided[pair], plain[pair] / factors_[pair]);
}

TEST_F(GgufConfigTest, DenseLlama) {
  for (GgufPair& pair : pairs_)
    if (pair.key.starts_with("llama4.")) pair.key = "llama." + pair.key.substr(7);
  set("general.architecture", std::string("llama"));
  erase("llama.expert_count");
  erase("llama.attention.key_length");
  set("llama.rope.scaling.type", std::string("linear"));
  set("llama.rope.scaling.factor", 4.0);
  const Config config = this->config();
  EXPECT_EQ(config.head_width, 16);
  EXPECT_EQ(pattern(config, &LayerPlan::rope), "11111111");
  EXPECT_EQ(pattern(config, &LayerPlan::moe), "00000000");
  EXPECT_FLOAT_EQ(config.rope_frequencies[0], 0.25f);
}

TEST_F(GgufConfigTest, RefusesByName) {
  const std::pair<const char*, GgufValue> cases[] = {
      {"llama4.block_count", std::string("eight")},
      {"llama4.block_count", uint64_t{0}},
      {"llama4.attention.head_count", uint64_t{0}},
      {"llama4.attention.value_length", uint64_t{32}},
      {"llama4.rope.dimension_count", uint64_t{8}},
      {"llama4.rope.scaling.type", std::string("yarn")},
      {"llama4.attention.rope_layers", std::vector<bool>{true}},
      {"tokenizer.ggml.eos_token_id", uint64_t{10}},
      {"llama4.context_length", std::vector<uint64_t>{1, 2}},
  };
  for (const auto& [key, value] : cases) {
    SetUp();
    set(key, value);
    expect_refusal(std::string("metadata key ") + key + ": expected");
  }
  SetUp();
  set("general.architecture", std::string("qwen3moe"));
  expect_refusal("expected architecture llama4 or llama, found \"qwen3moe\"");
  SetUp();
  erase("general.architecture");
  expect_refusal("general.architecture: expected llama4 or llama, found nothing");
  SetUp();
  add_rope_factors({1, 2, 0, 4, 5, 6, 7, 8});
  expect_refusal("rope_freqs.weight: expected positive numbers, found 0 at 2");
  add_rope_factors({1});
  expect_refusal("rope_freqs.weight: expected F32 [8], found F32 [1]");
}

}  // namespace
}  // namespace paddock::llama4
