// SPDX-License-Identifier: Apache-2.0
#include "llama4/config.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/json.h"

namespace paddock::llama4 {
namespace {

// A small configuration in the published, older style. Tests change keys of it.
Json older() {
  return Json::parse(R"({
    "architectures": ["Llama4ForCausalLM"], "model_type": "llama4_text", "torch_dtype": "bfloat16",
    "vocab_size": 1024, "hidden_size": 64, "intermediate_size": 96, "intermediate_size_mlp": 128,
    "num_hidden_layers": 8, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "hidden_act": "silu",
    "max_position_embeddings": 4096, "rms_norm_eps": 1e-05, "num_experts_per_tok": 1, "num_local_experts": 4,
    "interleave_moe_layer_step": 2, "use_qk_norm": true, "attention_chunk_size": 32, "floor_scale": 16,
    "attn_scale": 0.1, "attention_bias": false, "tie_word_embeddings": false, "bos_token_id": 1005,
    "eos_token_id": [1006, 1012], "attn_temperature_tuning": 4, "no_rope_layers": [], "rope_theta": 10000.0,
    "rope_scaling": {"factor": 16.0, "high_freq_factor": 1.0, "low_freq_factor": 1.0,
                     "original_max_position_embeddings": 64, "rope_type": "llama3"}})");
}

Json llama() {
  return Json::parse(R"({
    "model_type": "llama", "vocab_size": 100, "hidden_size": 64, "intermediate_size": 160, "num_hidden_layers": 3,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 512, "rms_norm_eps": 1e-06,
    "rope_theta": 10000.0, "tie_word_embeddings": true, "eos_token_id": 7, "hidden_act": "silu"})");
}

Config read(const Json& json) {
  auto result = config_from_json(json, "config.json");
  if (!result) ADD_FAILURE() << result.error().message;
  return result ? result->config : Config{};
}

std::string refusal(const Json& json) {
  const auto result = config_from_json(json, "config.json");
  return result ? "accepted" : result.error().message;
}

Json with(Json json, const std::string& key, const Json& value) {
  json[key] = value;
  return json;
}
Json without(Json json, const std::string& key) {
  json.erase(key);
  return json;
}

std::string pattern(const Config& config, bool LayerPlan::*what) {
  std::string text;
  for (const LayerPlan& layer : config.layers) text += layer.*what ? '1' : '0';
  return text;
}

TEST(Config, OlderVintage) {
  const Config config = read(older());
  EXPECT_EQ(pattern(config, &LayerPlan::rope), "11101110");
  EXPECT_EQ(pattern(config, &LayerPlan::chunked), "11101110");
  EXPECT_EQ(pattern(config, &LayerPlan::qk_norm), "11101110");
  EXPECT_EQ(pattern(config, &LayerPlan::temperature), "00010001");
  EXPECT_EQ(pattern(config, &LayerPlan::moe), "01010101");
  EXPECT_EQ(config.stop_tokens, (std::vector<int32_t>{1006, 1012}));
  EXPECT_EQ(config.bos_token, 1005);
  EXPECT_EQ(config.chunk, 32);
  EXPECT_FLOAT_EQ(config.rope_frequencies[0], 1.0f);
}

TEST(Config, NestedAndFlatAreTheSame) {
  Json text = older();
  const Json nested = {{"model_type", "llama4"},
                       {"text_config", text},
                       {"vision_config", Json::object()},
                       {"image_token_index", 5},
                       {"torch_dtype", "bfloat16"}};
  const Config a = read(nested), b = read(older());
  EXPECT_EQ(a.rope_frequencies, b.rope_frequencies);
  EXPECT_EQ(a.stop_tokens, b.stop_tokens);
  EXPECT_EQ(pattern(a, &LayerPlan::moe), pattern(b, &LayerPlan::moe));
}

TEST(Config, NewerVintageOfRope) {
  Json json = without(without(older(), "rope_scaling"), "rope_theta");
  json["rope_parameters"] = older()["rope_scaling"];
  json["rope_parameters"]["rope_theta"] = 10000.0;
  EXPECT_EQ(read(json).rope_frequencies, read(older()).rope_frequencies);
}

TEST(Config, PlansAreReadNotAssumed) {
  Json json = with(older(), "no_rope_layers", {1, 0, 1, 1, 0, 1, 1, 1});
  json["moe_layers"] = {0, 7};
  const Config config = read(json);
  EXPECT_EQ(pattern(config, &LayerPlan::rope), "10110111");
  EXPECT_EQ(pattern(config, &LayerPlan::moe), "10000001");
  EXPECT_EQ(pattern(read(with(older(), "no_rope_layer_interval", 2)), &LayerPlan::rope), "10101010");
  EXPECT_EQ(pattern(read(with(older(), "moe_layers", Json::array())), &LayerPlan::moe), "00000000");
  EXPECT_EQ(pattern(read(with(older(), "use_qk_norm", false)), &LayerPlan::qk_norm), "00000000");
  for (const Json& off : {Json(false), Json(0)})
    EXPECT_EQ(pattern(read(with(older(), "attn_temperature_tuning", off)), &LayerPlan::temperature), "00000000");
  for (const Json& on : {Json(true), Json(4)})
    EXPECT_EQ(pattern(read(with(older(), "attn_temperature_tuning", on)), &LayerPlan::temperature), "00010001");
}

TEST(Config, LayerTypesAndRotationAreIndependent) {
  Json types = Json::array();
  for (int layer = 0; layer < 8; ++layer) types.push_back(layer % 2 == 0 ? "chunked_attention" : "full_attention");
  const Config config = read(with(older(), "layer_types", types));
  EXPECT_EQ(pattern(config, &LayerPlan::chunked), "10101010");
  EXPECT_EQ(pattern(config, &LayerPlan::rope), "11101110");
}

TEST(Config, NullChunkMakesEveryLayerGlobal) {
  EXPECT_EQ(pattern(read(with(older(), "attention_chunk_size", nullptr)), &LayerPlan::chunked), "00000000");
}

TEST(Config, DenseLlama) {
  const Config config = read(llama());
  EXPECT_EQ(config.head_width, 16);
  EXPECT_TRUE(config.tied_head);
  EXPECT_EQ(config.rope_pairs, kernels::RopePairs::kHalves);
  EXPECT_EQ(pattern(config, &LayerPlan::rope), "111");
  EXPECT_EQ(pattern(config, &LayerPlan::moe), "000");
  EXPECT_EQ(pattern(config, &LayerPlan::chunked), "000");
}

TEST(Config, EveryKeyIsReadOrNamedAsIgnored) {
  Json json = with(with(older(), "surprise", 1), "router_aux_loss_coef", 0.1);
  const auto result = config_from_json(json, "config.json");
  ASSERT_TRUE(result);
  std::multiset<std::string> named;
  for (const auto& note : result->report.read) named.insert(note.key);
  for (const auto& note : result->report.ignored) named.insert(note.key);
  for (const auto& [key, value] : json.items()) EXPECT_EQ(named.count(key), 1u) << key;
  for (const auto& [key, value] : json["rope_scaling"].items())
    EXPECT_EQ(named.count("rope_scaling." + key), 1u) << key;
}

TEST(Config, SaysWhatItInferred) {
  const auto result = config_from_json(without(without(older(), "use_qk_norm"), "attn_scale"), "config.json");
  ASSERT_TRUE(result);
  std::set<std::string> inferred;
  for (const auto& note : result->report.inferred) inferred.insert(note.key);
  EXPECT_TRUE(inferred.contains("use_qk_norm"));
  EXPECT_TRUE(inferred.contains("attn_scale"));
  EXPECT_FALSE(inferred.contains("floor_scale"));
}

struct Refused {
  const char* key;
  Json value;
  const char* sentence;
};

TEST(Config, RefusesByName) {
  const Refused cases[] = {
      {"model_type", "mistral", "model_type: expected llama4, llama4_text or llama, found \"mistral\""},
      {"hidden_size", "64", "hidden_size: expected an integer, found \"64\""},
      {"hidden_size", -64, "hidden size: expected 1 to"},
      {"hidden_size", 1e300, "hidden_size: expected an integer"},
      {"num_hidden_layers", 1000000000, "num_hidden_layers: expected 1 to 10000"},
      {"num_hidden_layers", 0, "num_hidden_layers: expected 1 to 10000"},
      {"num_attention_heads", 0, "num_attention_heads: expected a positive number"},
      {"num_key_value_heads", 3, "multiple of key/value heads, found 4 and 3"},
      {"head_dim", 15, "even number for rotation, found 15"},
      {"head_dim", int64_t{1} << 40, "head_dim"},
      {"vocab_size", 0, "vocab_size: expected a positive number, found 0"},
      {"hidden_act", "gelu", "hidden_act: expected silu, found \"gelu\""},
      {"attention_bias", true, "attention_bias"},
      {"no_rope_layers", {1, 0}, "no_rope_layers: expected one entry for each of 8 layers"},
      {"moe_layers", {8}, "moe_layers: expected numbers below 8"},
      {"moe_layers", {-1}, "moe_layers: expected numbers below 8"},
      {"num_experts_per_tok", 5, "experts for each token: expected 1 to 4, found 5"},
      {"attention_chunk_size", -1, "attention_chunk_size"},
      {"floor_scale", 0, "floor_scale: expected at least 1"},
      {"rms_norm_eps", 0, "norm epsilon"},
      {"eos_token_id", 1024, "eos_token_id: expected ids below vocab_size"},
      {"rope_scaling", {{"rope_type", "yarn"}}, "rope_type: expected default, linear or llama3, found \"yarn\""},
      {"rope_scaling", {{"rope_type", "llama3"}}, "factor: expected a positive number, found nothing"},
      {"rope_theta", 0, "rope_theta: expected a positive number"},
      {"layer_types", {"full_attention"}, "layer_types: expected one entry for each of 8 layers"},
      {"quantization_config", {{"quant_method", "gptq"}}, "quant_method: expected compressed-tensors, found \"gptq\""},
  };
  for (const Refused& each : cases) {
    const std::string message = refusal(with(older(), each.key, each.value));
    EXPECT_NE(message.find(each.sentence), std::string::npos) << each.key << ": " << message;
    EXPECT_EQ(message.rfind("config.json: ", 0), 0u) << message;
  }
  EXPECT_NE(refusal(Json::array()).find("expected a JSON object"), std::string::npos);
  EXPECT_NE(refusal(Json::object()).find("model_type"), std::string::npos);
  EXPECT_NE(refusal(without(older(), "hidden_size")).find("hidden_size: expected an integer, found nothing"),
            std::string::npos);
}

}  // namespace
}  // namespace paddock::llama4
