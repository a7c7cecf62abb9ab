// SPDX-License-Identifier: Apache-2.0
#include "upcycle/upcycled_config.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <variant>

#include "base/json.h"
#include "base/mapped_file.h"

namespace paddock::upcycle {
namespace {

constexpr size_t kConfigLimit = size_t{16} << 20;  // bytes

// The keys of config.json that say how positions turn.
Result<Json> rope_of(const checkpoint::Checkpoint& dense) {
  Json rope = Json::object();
  if (dense.format() == checkpoint::Format::kGguf) {
    const auto* architecture = dense.metadata().find("general.architecture");
    const auto* name = architecture == nullptr ? nullptr : std::get_if<std::string>(architecture);
    const auto* theta = name == nullptr ? nullptr : dense.metadata().find(*name + ".rope.freq_base");
    const auto* number = theta == nullptr ? nullptr : std::get_if<double>(theta);
    rope["rope_theta"] = number == nullptr ? 10000.0 : *number;
    return rope;
  }
  const std::string path = (dense.folder() / "config.json").string();
  const Json source = TRY(parse_json(TRY(read_text_file(path, kConfigLimit)), path));
  for (const char* key : {"rope_theta", "rope_scaling", "rope_parameters"})
    if (source.contains(key)) rope[key] = source.at(key);
  if (rope.empty()) rope["rope_theta"] = 10000.0;
  return rope;
}

Result<void> check_wishes(const llama4::Config& dense, const UpcycleWishes& wishes) {
  const auto out_of = [](const char* option, int64_t least, int64_t most, int64_t found) {
    return error(ErrorCode::kInvalidArgument, "{}: expected {} to {}, found {}", option, least, most, found);
  };
  const auto layers = static_cast<int64_t>(dense.layers.size());
  for (const int64_t layer : wishes.layers)
    if (layer < 0 || layer >= layers) return out_of("--layers", 0, layers - 1, layer);
  if (wishes.experts < 1 || wishes.experts > 4096) return out_of("--experts", 1, 4096, wishes.experts);
  if (wishes.experts_per_token < 1 || wishes.experts_per_token > wishes.experts)
    return out_of("--top-k", 1, wishes.experts, wishes.experts_per_token);
  const int64_t most_width = 64 * dense.dense_width;
  if (wishes.expert_width < 0 || wishes.expert_width > most_width)
    return out_of("--expert-width", 0, most_width, wishes.expert_width);
  if (wishes.mlp_width < 0 || wishes.mlp_width > dense.dense_width)
    return out_of("--mlp-width", 0, dense.dense_width, wishes.mlp_width);
  const int64_t kept = wishes.layers.empty() ? layers : static_cast<int64_t>(wishes.layers.size());
  if (wishes.moe_every < 1 || wishes.moe_every > kept) return out_of("--moe-every", 1, kept, wishes.moe_every);
  if (wishes.nope_every < 0) return out_of("--nope-every", 0, kept, wishes.nope_every);
  if (wishes.chunk < 0) return out_of("--chunk", 0, dense.context, wishes.chunk);
  return {};
}

Json token_or_list(const std::vector<int32_t>& tokens) {
  if (tokens.empty()) return Json();
  return tokens.size() == 1 ? Json(tokens.front()) : Json(tokens);
}

// One entry for each layer, by its number counted from 1.
template <typename Value>
Json each_layer(int64_t layers, const Value& value) {
  Json list = Json::array();
  for (int64_t layer = 1; layer <= layers; ++layer) list.push_back(value(layer));
  return list;
}

Json config_json(const llama4::Config& dense, const UpcycleWishes& wishes, const Json& rope) {
  const auto layers = static_cast<int64_t>(wishes.layers.empty() ? dense.layers.size() : wishes.layers.size());
  const auto rotates = [&](int64_t layer) { return wishes.nope_every == 0 || layer % wishes.nope_every != 0; };
  Json moe_layers = Json::array();
  for (int64_t layer = wishes.moe_every; layer <= layers; layer += wishes.moe_every) moe_layers.push_back(layer - 1);
  Json json = {{"architectures", std::vector<std::string>{"Llama4ForCausalLM"}},
               {"model_type", "llama4_text"},
               {"dtype", wishes.dtype == tensor::DType::kF32 ? "float32" : "bfloat16"},
               {"vocab_size", dense.vocabulary},
               {"hidden_size", dense.width},
               {"num_hidden_layers", layers},
               {"num_attention_heads", dense.query_heads},
               {"num_key_value_heads", dense.kv_heads},
               {"head_dim", dense.head_width},
               {"intermediate_size", wishes.expert_width > 0 ? wishes.expert_width : dense.dense_width},
               {"intermediate_size_mlp", wishes.mlp_width > 0 ? wishes.mlp_width : dense.dense_width},
               {"hidden_act", "silu"},
               {"max_position_embeddings", dense.context},
               {"rms_norm_eps", dense.norm_epsilon},
               {"tie_word_embeddings", dense.tied_head},
               {"attention_bias", false},
               {"num_local_experts", wishes.experts},
               {"num_experts_per_tok", wishes.experts_per_token},
               {"interleave_moe_layer_step", wishes.moe_every},
               {"moe_layers", std::move(moe_layers)},
               // The published name is inverted: 1 means that the layer does rotate.
               {"no_rope_layers", each_layer(layers, [&](int64_t layer) { return rotates(layer) ? 1 : 0; })},
               {"layer_types", each_layer(layers,
                                          [&](int64_t layer) {
                                            const bool local = rotates(layer) && wishes.chunk > 0;
                                            return local ? "chunked_attention" : "full_attention";
                                          })},
               // Readers want a number even where no layer is chunked.
               {"attention_chunk_size", wishes.chunk > 0 ? wishes.chunk : dense.context},
               {"use_qk_norm", wishes.qk_norm},
               {"attn_temperature_tuning", true},
               {"floor_scale", 8192},
               {"attn_scale", 0.1}};
  if (dense.bos_token) json["bos_token_id"] = *dense.bos_token;
  if (!dense.stop_tokens.empty()) json["eos_token_id"] = token_or_list(dense.stop_tokens);
  json.update(rope);
  return json;
}

}  // namespace

Result<UpcycledConfig> upcycled_config(const checkpoint::Checkpoint& dense, const llama4::Config& config,
                                       const UpcycleWishes& wishes) {
  const std::string source = dense.files().front().path().string();
  const bool is_dense = std::ranges::none_of(
      config.layers, [](const auto& layer) { return layer.moe || layer.chunked || layer.qk_norm || !layer.rope; });
  if (!is_dense)
    return error(ErrorCode::kUnsupported,
                 "{}: expected a dense Llama model, found one with experts or with Llama 4's attention", source);
  TRY_VOID(check_wishes(config, wishes));
  UpcycledConfig result;
  const Json json = config_json(config, wishes, TRY(rope_of(dense)));
  result.json = json.dump(2) + "\n";
  result.config = TRY(llama4::config_from_json(json, "config.json of the upcycled model")).config;
  if (result.config.rope_frequencies != config.rope_frequencies)
    return error(ErrorCode::kUnsupported,
                 "{}: expected rotary frequencies that config.json can say, found others (a scaling that the GGUF file "
                 "stores as a tensor?); take the model's safetensors instead",
                 source);
  return result;
}

}  // namespace paddock::upcycle
