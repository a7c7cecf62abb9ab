// SPDX-License-Identifier: Apache-2.0
#include "export/config_json.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "export/rope_scaling.h"

namespace paddock::exporting {
namespace {

using llama4::Config;
using llama4::LayerPlan;

// 1e-5 in float32 is 1e-5 to a reader, not 9.99999974e-06.
Json shortest(float value) { return Json::parse(fmt::format("{}", value)); }

Json rope_parameters(const Config& config, const std::optional<llama4::Llama3Scaling>& llama3) {
  Json rope = {{"rope_type", "default"}, {"rope_theta", config.rope_origin.theta}};
  if (llama3) {
    rope["rope_type"] = "llama3";
    rope["factor"] = llama3->factor;
    rope["low_freq_factor"] = llama3->low_frequency_factor;
    rope["high_freq_factor"] = llama3->high_frequency_factor;
    rope["original_max_position_embeddings"] = static_cast<int64_t>(std::llround(llama3->original_context));
  } else if (config.rope_origin.linear_factor != 1) {
    rope["rope_type"] = "linear";
    rope["factor"] = config.rope_origin.linear_factor;
  }
  return rope;
}

Json stop_tokens(const Config& config) {
  if (config.stop_tokens.empty()) return {};
  if (config.stop_tokens.size() == 1) return config.stop_tokens.front();
  return config.stop_tokens;
}

void add_experts(const Config& config, Json* json) {
  // The family names experts' width first; a model without experts still has to have a number there.
  (*json)["intermediate_size"] = config.expert_width > 0 ? config.expert_width : config.dense_width;
  (*json)["intermediate_size_mlp"] = config.dense_width > 0 ? config.dense_width : config.expert_width;
  (*json)["num_local_experts"] = std::max<int64_t>(config.experts, 1);
  (*json)["num_experts_per_tok"] = std::max<int64_t>(config.experts_per_token, 1);
  std::vector<size_t> moe_layers;
  for (size_t layer = 0; layer < config.layers.size(); ++layer)
    if (config.layers[layer].moe) moe_layers.push_back(layer);
  (*json)["moe_layers"] = moe_layers;
  (*json)["interleave_moe_layer_step"] = moe_layers.empty() ? 1 : moe_layers.front() + 1;
}

void add_layers(const Config& config, Json* json) {
  const auto any = [&](bool LayerPlan::*what) { return std::ranges::any_of(config.layers, what); };
  std::vector<int> rotates;
  std::vector<std::string> types;
  for (const LayerPlan& plan : config.layers) {
    rotates.push_back(plan.rope ? 1 : 0);  // the published name is inverted
    types.push_back(plan.chunked ? "chunked_attention" : "full_attention");
  }
  (*json)["no_rope_layers"] = rotates;
  (*json)["layer_types"] = types;
  // Newer libraries refuse null; no layer is chunked unless its type says so.
  (*json)["attention_chunk_size"] = config.chunk > 0 ? config.chunk : 8192;
  (*json)["use_qk_norm"] = any(&LayerPlan::qk_norm);
  (*json)["attn_temperature_tuning"] = any(&LayerPlan::temperature);
  (*json)["floor_scale"] = config.floor_scale;
  if (config.floor_scale == std::floor(config.floor_scale))
    (*json)["floor_scale"] = static_cast<int64_t>(config.floor_scale);
  (*json)["attn_scale"] = config.attn_scale;
}

}  // namespace

std::string torch_name(tensor::DType dtype) {
  if (dtype == tensor::DType::kF16) return "float16";
  if (dtype == tensor::DType::kBF16) return "bfloat16";
  CHECK(dtype == tensor::DType::kF32);
  return "float32";
}

Result<Json> config_json(const Config& config, tensor::DType dtype, const std::string& source) {
  const auto llama3 = TRY(rope_scaling_of(config, source));
  const bool llama4 = config.architecture == "llama4";
  Json json;
  json["architectures"] = std::vector<std::string>{llama4 ? "Llama4ForCausalLM" : "LlamaForCausalLM"};
  json["model_type"] = llama4 ? "llama4_text" : "llama";
  json["dtype"] = torch_name(dtype);
  json["torch_dtype"] = torch_name(dtype);  // the older name
  json["vocab_size"] = config.vocabulary;
  json["hidden_size"] = config.width;
  json["num_hidden_layers"] = config.layers.size();
  json["num_attention_heads"] = config.query_heads;
  json["num_key_value_heads"] = config.kv_heads;
  json["head_dim"] = config.head_width;
  if (llama4)
    add_experts(config, &json);
  else
    json["intermediate_size"] = config.dense_width;
  json["hidden_act"] = "silu";
  json["rms_norm_eps"] = shortest(config.norm_epsilon);
  json["max_position_embeddings"] = config.context;
  json["attention_bias"] = false;
  if (!llama4) json["mlp_bias"] = false;
  json["tie_word_embeddings"] = config.tied_head;
  json["rope_theta"] = config.rope_origin.theta;  // older readers look for both here
  json["rope_parameters"] = rope_parameters(config, llama3);
  if (llama3 || config.rope_origin.linear_factor != 1) json["rope_scaling"] = rope_parameters(config, llama3);
  if (llama4) add_layers(config, &json);
  json["bos_token_id"] = config.bos_token ? Json(*config.bos_token) : Json();
  json["eos_token_id"] = stop_tokens(config);
  json["use_cache"] = true;
  return json;
}

Json with_text_config(Json original, Json text, tensor::DType dtype) {
  text.erase("architectures");
  original["text_config"] = std::move(text);
  original.erase("quantization_config");
  original.erase("torch_dtype");
  original["dtype"] = torch_name(dtype);
  return original;
}

}  // namespace paddock::exporting
