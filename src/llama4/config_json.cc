// SPDX-License-Identifier: Apache-2.0
// config.json as Hugging Face writes it, in the published and in the newer vintage.

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "llama4/config.h"
#include "llama4/json_keys.h"
#include "llama4/rope.h"

namespace paddock::llama4 {
namespace {

// A key that has only one value Paddock computes with.
Result<void> must_be_off(JsonKeys& keys, std::string_view key) {
  if (TRY(keys.boolean(key)).value_or(false))
    return keys.wrong(key, "false (biases are not part of this model family)");
  return {};
}

struct RopeSettings {
  std::string kind = "default";
  double theta = 10000;
  double factor = 1;
  Llama3Scaling llama3;
};

// `rope_parameters` (newer) or `rope_scaling` (older): the same keys, but the older has theta outside.
Result<void> read_rope_object(const Json& object, const std::string& source, const std::string& prefix,
                              ConfigReport* report, RopeSettings* rope) {
  JsonKeys keys(object, source, prefix, report);
  auto kind = TRY(keys.text("rope_type"));
  if (!kind) kind = TRY(keys.text("type"));
  keys.ignore("type", "the same as rope_type");
  rope->kind = kind.value_or("default");
  rope->theta = TRY(keys.number("rope_theta")).value_or(rope->theta);
  if (const auto partial = TRY(keys.number("partial_rotary_factor")); partial && *partial != 1)
    return keys.wrong("partial_rotary_factor", "1");
  if (rope->kind == "llama3" || rope->kind == "linear") {
    const auto factor = TRY(keys.number("factor"));
    if (!factor || *factor <= 0) return keys.wrong("factor", "a positive number");
    rope->factor = rope->llama3.factor = *factor;
  }
  if (rope->kind == "llama3") {
    const auto low = TRY(keys.number("low_freq_factor"));
    const auto high = TRY(keys.number("high_freq_factor"));
    const auto original = TRY(keys.number("original_max_position_embeddings"));
    if (!low || *low <= 0) return keys.wrong("low_freq_factor", "a positive number");
    if (!high || *high < *low) return keys.wrong("high_freq_factor", "a number of at least low_freq_factor");
    if (!original || *original <= 0) return keys.wrong("original_max_position_embeddings", "a positive number");
    rope->llama3.low_frequency_factor = *low;
    rope->llama3.high_frequency_factor = *high;
    rope->llama3.original_context = *original;
  } else if (rope->kind != "default" && rope->kind != "linear") {
    return keys.wrong("rope_type", "default, linear or llama3");
  }
  keys.ignore_rest("not used by this kind of rotary scaling");
  return {};
}

Result<void> read_rope(JsonKeys& keys, ConfigReport* report, const std::string& prefix, Config* config) {
  RopeSettings rope;
  const auto theta = TRY(keys.number("rope_theta"));
  rope.theta = theta.value_or(rope.theta);
  const Json* newer = TRY(keys.object("rope_parameters"));
  const Json* older = TRY(keys.object("rope_scaling"));
  if (newer != nullptr)
    TRY_VOID(read_rope_object(*newer, keys.source(), prefix + "rope_parameters.", report, &rope));
  else if (older != nullptr)
    TRY_VOID(read_rope_object(*older, keys.source(), prefix + "rope_scaling.", report, &rope));
  if (!theta && (newer == nullptr || !newer->contains("rope_theta")))
    keys.infer("rope_theta", fmt::format("{}, the default of {}", rope.theta, config->architecture));
  if (!(rope.theta > 0)) return keys.wrong("rope_theta", "a positive number");
  config->rope_frequencies = rope_frequencies(rope.theta, config->head_width);
  config->rope_origin = {.theta = rope.theta};
  if (rope.kind == "llama3") {
    apply_llama3_scaling(rope.llama3, config->rope_frequencies);
    config->rope_origin.llama3 = rope.llama3;
  } else if (rope.kind == "linear") {
    for (float& frequency : config->rope_frequencies) frequency /= static_cast<float>(rope.factor);
    config->rope_origin.linear_factor = rope.factor;
  }
  return {};
}

// Shapes that both families have under the same names.
Result<int64_t> read_shapes(JsonKeys& keys, ConfigReport* report, const std::string& prefix, Config* config) {
  const int64_t layers = TRY(keys.required_integer("num_hidden_layers"));
  if (layers < 1 || layers > 10000) return keys.wrong("num_hidden_layers", "1 to 10000");
  config->width = TRY(keys.required_integer("hidden_size"));
  config->vocabulary = TRY(keys.required_integer("vocab_size"));
  if (config->vocabulary < 1) return keys.wrong("vocab_size", "a positive number");
  config->query_heads = TRY(keys.required_integer("num_attention_heads"));
  if (config->query_heads < 1) return keys.wrong("num_attention_heads", "a positive number");
  const auto kv_heads = TRY(keys.integer("num_key_value_heads"));
  if (!kv_heads) keys.infer("num_key_value_heads", fmt::format("{}, as many as attention heads", config->query_heads));
  config->kv_heads = kv_heads.value_or(config->query_heads);
  const auto head_width = TRY(keys.integer("head_dim"));
  if (!head_width) keys.infer("head_dim", fmt::format("{}, hidden size / heads", config->width / config->query_heads));
  config->head_width = head_width.value_or(config->width / config->query_heads);
  if (config->head_width < 1 || config->head_width > (1 << 20)) return keys.wrong("head_dim", "1 to 1048576");
  config->context = TRY(keys.required_integer("max_position_embeddings"));
  const auto epsilon = TRY(keys.number("rms_norm_eps"));
  if (!epsilon) keys.infer("rms_norm_eps", "1e-05, the family's default");
  config->norm_epsilon = static_cast<float>(epsilon.value_or(1e-5));
  config->tied_head = TRY(keys.boolean("tie_word_embeddings")).value_or(false);
  if (const auto activation = TRY(keys.text("hidden_act"));
      activation && *activation != "silu" && *activation != "swish")
    return keys.wrong("hidden_act", "silu");
  TRY_VOID(must_be_off(keys, "attention_bias"));
  TRY_VOID(must_be_off(keys, "mlp_bias"));
  TRY_VOID(read_rope(keys, report, prefix, config));
  return layers;
}

Result<void> read_tokens(JsonKeys& keys, Config* config) {
  if (const auto stops = TRY(keys.integers("eos_token_id")))
    for (const int64_t token : *stops) {
      if (token < 0 || token >= config->vocabulary) return keys.wrong("eos_token_id", "ids below vocab_size");
      config->stop_tokens.push_back(static_cast<int32_t>(token));
    }
  if (const auto bos = TRY(keys.integer("bos_token_id")); bos && *bos >= 0 && *bos < config->vocabulary)
    config->bos_token = static_cast<int32_t>(*bos);
  return {};
}

// A list with one entry a layer, if present and not empty.
Result<std::optional<std::vector<int64_t>>> layer_list(JsonKeys& keys, std::string_view key, size_t layers) {
  auto list = TRY(keys.integers(key));
  if (!list || list->empty()) return std::nullopt;
  if (list->size() != layers) return keys.wrong(key, fmt::format("one entry for each of {} layers", layers));
  return list;
}

Result<void> plan_rope(JsonKeys& keys, Config* config) {
  const auto interval = TRY(keys.integer("no_rope_layer_interval"));
  if (interval && *interval < 1) return keys.wrong("no_rope_layer_interval", "a positive number");
  const auto list = TRY(layer_list(keys, "no_rope_layers", config->layers.size()));
  if (!list) keys.infer("no_rope_layers", fmt::format("every {}th layer is without rotation", interval.value_or(4)));
  for (size_t layer = 0; layer < config->layers.size(); ++layer)
    // The published name is inverted: 1 means that the layer does rotate.
    config->layers[layer].rope =
        list ? (*list)[layer] != 0 : (layer + 1) % static_cast<size_t>(interval.value_or(4)) != 0;
  return {};
}

Result<void> plan_chunks(JsonKeys& keys, Config* config) {
  const bool named = keys.value("attention_chunk_size") != nullptr;
  const int64_t chunk = TRY(keys.integer("attention_chunk_size")).value_or(0);
  if (named && chunk < 1) return keys.wrong("attention_chunk_size", "a positive number or null");
  const Json* types = keys.value("layer_types");
  if (types != nullptr && (!types->is_array() || types->size() != config->layers.size()))
    return keys.wrong("layer_types", fmt::format("one entry for each of {} layers", config->layers.size()));
  if (types == nullptr) keys.infer("layer_types", "layers with rotation are chunked, the others see everything");
  for (size_t layer = 0; layer < config->layers.size(); ++layer) {
    bool chunked = config->layers[layer].rope;
    if (types != nullptr) {
      const Json& type = (*types)[layer];
      chunked = type == "chunked_attention";
      if (!chunked && type != "full_attention") return keys.wrong("layer_types", "chunked_attention or full_attention");
    }
    config->layers[layer].chunked = chunked && chunk > 0;
  }
  config->chunk = chunk;
  if (!named) keys.infer("attention_chunk_size", "none: every layer sees everything");
  return {};
}

Result<void> plan_experts(JsonKeys& keys, Config* config) {
  const auto layers = static_cast<int64_t>(config->layers.size());
  const auto step = TRY(keys.integer("interleave_moe_layer_step"));
  if (step && *step < 1) return keys.wrong("interleave_moe_layer_step", "a positive number");
  if (const auto list = TRY(keys.integers("moe_layers"))) {
    for (const int64_t layer : *list) {
      if (layer < 0 || layer >= layers) return keys.wrong("moe_layers", fmt::format("numbers below {}", layers));
      config->layers[static_cast<size_t>(layer)].moe = true;
    }
  } else {
    const int64_t every = step.value_or(1);
    for (int64_t layer = every - 1; layer < layers; layer += every)
      config->layers[static_cast<size_t>(layer)].moe = true;
    keys.infer("moe_layers", every == 1 ? "all layers" : fmt::format("every {}th layer", every));
  }
  config->expert_width = TRY(keys.integer("intermediate_size")).value_or(0);
  config->dense_width = TRY(keys.integer("intermediate_size_mlp")).value_or(0);
  config->experts = TRY(keys.integer("num_local_experts")).value_or(0);
  config->experts_per_token = TRY(keys.integer("num_experts_per_tok")).value_or(1);
  return {};
}

Result<void> read_llama4(JsonKeys& keys, ConfigReport* report, const std::string& prefix, Config* config) {
  config->architecture = "llama4";
  config->names = TensorNames::kHuggingFaceLlama4;
  config->rope_pairs = kernels::RopePairs::kInterleaved;
  config->layers.resize(static_cast<size_t>(TRY(read_shapes(keys, report, prefix, config))));
  TRY_VOID(plan_rope(keys, config));
  TRY_VOID(plan_chunks(keys, config));
  TRY_VOID(plan_experts(keys, config));

  const auto qk_norm = TRY(keys.boolean("use_qk_norm"));
  if (!qk_norm) keys.infer("use_qk_norm", "true, the family's default");
  const auto temperature = TRY(keys.boolean("attn_temperature_tuning"));
  if (!temperature) keys.infer("attn_temperature_tuning", "true, the family's default");
  for (LayerPlan& layer : config->layers) {
    layer.qk_norm = layer.rope && qk_norm.value_or(true);
    layer.temperature = !layer.rope && temperature.value_or(true);
  }
  const auto floor_scale = TRY(keys.number("floor_scale"));
  if (!floor_scale) keys.infer("floor_scale", "8192, the family's default");
  config->floor_scale = floor_scale.value_or(8192);
  const auto attn_scale = TRY(keys.number("attn_scale"));
  if (!attn_scale) keys.infer("attn_scale", "0.1, the family's default");
  config->attn_scale = attn_scale.value_or(0.1);
  for (const char* key : {"router_aux_loss_coef", "router_jitter_noise", "output_router_logits"})
    keys.ignore(key, "training only");
  keys.ignore("for_llm_compressor", "about how experts were stored while quantising");
  return {};
}

Result<void> read_llama(JsonKeys& keys, ConfigReport* report, const std::string& prefix, Config* config) {
  config->architecture = "llama";
  config->names = TensorNames::kHuggingFaceLlama;
  config->rope_pairs = kernels::RopePairs::kHalves;
  config->layers.resize(static_cast<size_t>(TRY(read_shapes(keys, report, prefix, config))));
  config->dense_width = TRY(keys.required_integer("intermediate_size"));
  if (keys.has("sliding_window")) return keys.wrong("sliding_window", "null (every layer sees everything)");
  keys.ignore("pretraining_tp", "changes the order of sums only");
  return {};
}

// compressed-tensors FP8 with one scale a row, as Meta publishes Maverick.
Result<void> read_quantization(const Json& object, const std::string& source, ConfigReport* report, Config* config) {
  JsonKeys keys(object, source, "quantization_config.", report);
  const auto method = TRY(keys.text("quant_method"));
  if (method != "compressed-tensors") return keys.wrong("quant_method", "compressed-tensors");
  const auto format = TRY(keys.text("format"));
  if (format != "float-quantized") return keys.wrong("format", "float-quantized (8-bit floats)");
  const Json* groups = TRY(keys.object("config_groups"));
  if (groups == nullptr || groups->empty()) return keys.wrong("config_groups", "an object with a group");
  for (const auto& [name, group] : groups->items()) {
    const Json* weights = group.is_object() && group.contains("weights") ? &group["weights"] : nullptr;
    if (weights == nullptr || !weights->is_object()) return keys.wrong("config_groups", "groups with \"weights\"");
    JsonKeys inner(*weights, source, "quantization_config.config_groups." + name + ".weights.", report);
    if (TRY(inner.integer("num_bits")) != 8) return inner.wrong("num_bits", "8");
    if (TRY(inner.text("type")) != "float") return inner.wrong("type", "\"float\"");
    const auto strategy = TRY(inner.text("strategy"));
    if (strategy != "channel" && strategy != "tensor") return inner.wrong("strategy", "\"channel\" or \"tensor\"");
    if (!TRY(inner.boolean("symmetric")).value_or(true)) return inner.wrong("symmetric", "true");
    inner.ignore_rest("does not change the stored weights");
  }
  if (object.contains("kv_cache_scheme") && !object["kv_cache_scheme"].is_null())
    keys.ignore("kv_cache_scheme", "the cache's type is chosen when running");
  keys.ignore_rest("activations stay float32, and each tensor says by itself how it is stored");
  config->quantization = Quantization::kFp8RowScales;
  return {};
}

// Keys that describe the repository, the library or training, in either object.
void ignore_bystanders(JsonKeys& keys) {
  for (const char* key : {"torch_dtype", "dtype"}) keys.ignore(key, "each tensor says its own type");
  for (const char* key : {"architectures", "transformers_version", "_name_or_path", "return_dict",
                          "output_hidden_states", "output_attentions", "use_cache", "id2label", "label2id",
                          "problem_type", "chunk_size_feed_forward", "is_encoder_decoder"})
    keys.ignore(key, "about the library that wrote the file");
  for (const char* key : {"initializer_range", "attention_dropout"}) keys.ignore(key, "training only");
  keys.ignore("pad_token_id", "nothing is padded");
  for (const char* key : {"vision_config", "image_token_index", "boi_token_index", "eoi_token_index"})
    keys.ignore(key, "images are not part of the text model");
  keys.ignore_rest("unknown to Paddock");
}

Result<std::string> model_type(JsonKeys& keys) {
  const auto type = TRY(keys.text("model_type"));
  if (type == "llama4" || type == "llama4_text" || type == "llama") return *type;
  return keys.wrong("model_type", "llama4, llama4_text or llama");
}

}  // namespace

Result<ConfigAndReport> config_from_json(const Json& json, const std::string& source) {
  if (!json.is_object())
    return error(ErrorCode::kBadFile, "{}: expected a JSON object, found {}; is this a model's config.json?", source,
                 json.type_name());
  ConfigAndReport result;
  Config& config = result.config;
  JsonKeys outer(json, source, "", &result.report);
  const std::string type = TRY(model_type(outer));
  const Json* nested = TRY(outer.object("text_config"));
  if (nested != nullptr && type == "llama") return outer.wrong("text_config", "none in a llama checkpoint");
  if (nested == nullptr && type == "llama4" && !outer.has("num_hidden_layers"))
    return outer.wrong("text_config", "an object, or num_hidden_layers beside it");

  const std::string prefix = nested == nullptr ? "" : "text_config.";
  std::optional<JsonKeys> nested_keys;
  if (nested != nullptr) nested_keys.emplace(*nested, source, prefix, &result.report).value("model_type");
  JsonKeys& inner = nested_keys ? *nested_keys : outer;
  TRY_VOID(type == "llama" ? read_llama(inner, &result.report, prefix, &config)
                           : read_llama4(inner, &result.report, prefix, &config));
  TRY_VOID(read_tokens(inner, &config));

  const Json* quantization = TRY(inner.object("quantization_config"));
  if (nested != nullptr) {
    if (quantization == nullptr) quantization = TRY(outer.object("quantization_config"));
    if (!inner.has("tie_word_embeddings")) config.tied_head = TRY(outer.boolean("tie_word_embeddings")).value_or(false);
    outer.ignore("tie_word_embeddings", "text_config decides");
    if (config.stop_tokens.empty()) TRY_VOID(read_tokens(outer, &config));
    for (const char* key : {"eos_token_id", "bos_token_id"}) outer.ignore(key, "text_config decides");
  }
  if (quantization != nullptr) TRY_VOID(read_quantization(*quantization, source, &result.report, &config));
  ignore_bystanders(inner);
  if (nested != nullptr) ignore_bystanders(outer);
  TRY_VOID(check_config(config, source));
  return result;
}

}  // namespace paddock::llama4
