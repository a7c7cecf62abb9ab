// SPDX-License-Identifier: Apache-2.0
// config.json's vision_config, and the two files of Hugging Face's processor that have to agree with it.

#include <cmath>
#include <nlohmann/json.hpp>

#include "llama4/json_keys.h"
#include "llama4/vision/config.h"

namespace paddock::llama4 {
namespace {

// An id that may be absent.
Result<int32_t> token_id(JsonKeys& keys, std::string_view key) {
  const auto id = TRY(keys.integer(key));
  if (!id) return -1;
  if (*id < 0 || *id > INT32_MAX) return keys.wrong(key, "a token id");
  return static_cast<int32_t>(*id);
}

// 0.5 is 2 patches along each side.
Result<int64_t> shuffle_factor(JsonKeys& keys, double ratio) {
  const double factor = std::round(1 / ratio);
  if (!(ratio > 0) || !(factor >= 1 && factor <= 64) || std::abs(factor * ratio - 1) > 1e-6)
    return keys.wrong("pixel_shuffle_ratio", "one divided by a whole number, 0.5");
  return static_cast<int64_t>(factor);
}

Result<void> read_tower_shapes(JsonKeys& keys, VisionConfig* config) {
  config->image_size = TRY(keys.required_integer("image_size"));
  config->patch_size = TRY(keys.required_integer("patch_size"));
  config->width = TRY(keys.required_integer("hidden_size"));
  config->layers = TRY(keys.required_integer("num_hidden_layers"));
  config->heads = TRY(keys.required_integer("num_attention_heads"));
  config->mlp_width = TRY(keys.required_integer("intermediate_size"));
  config->adapter_inner = TRY(keys.required_integer("projector_input_dim"));
  config->adapter_width = TRY(keys.required_integer("projector_output_dim"));
  config->shuffle = TRY(shuffle_factor(keys, TRY(keys.number("pixel_shuffle_ratio")).value_or(0.5)));
  config->rope_theta = TRY(keys.number("rope_theta")).value_or(10000);
  if (const Json* newer = TRY(keys.object("rope_parameters")); newer != nullptr && newer->contains("rope_theta")) {
    const Json& theta = newer->at("rope_theta");
    if (!theta.is_number()) return keys.wrong("rope_parameters", "a rope_theta that is a number");
    config->rope_theta = theta.get<double>();
  }
  return {};
}

// Keys that have one value that Paddock computes with.
Result<void> refuse_other_towers(JsonKeys& keys, const VisionConfig& config) {
  const auto channels = TRY(keys.integer("num_channels"));
  if (channels && *channels != VisionConfig::kChannels) return keys.wrong("num_channels", "3");
  const auto activation = TRY(keys.text("hidden_act"));
  if (activation && *activation != "gelu") return keys.wrong("hidden_act", "gelu");
  if (TRY(keys.boolean("multi_modal_projector_bias")).value_or(false))
    return keys.wrong("multi_modal_projector_bias", "false");
  const auto output = TRY(keys.integer("vision_output_dim"));
  if (output && *output != config.adapter_width)
    return keys.wrong("vision_output_dim", fmt::format("the projector_output_dim of {}", config.adapter_width));
  const auto layer = TRY(keys.integer("vision_feature_layer"));
  if (layer && *layer != -1) return keys.wrong("vision_feature_layer", "-1, the last layer");
  const auto strategy = TRY(keys.text("vision_feature_select_strategy"));
  if (strategy && *strategy != "default") return keys.wrong("vision_feature_select_strategy", "default");
  return {};
}

Result<void> agree_with_processor(const Json& json, const std::string& source, const VisionConfig& config) {
  ConfigReport report;
  JsonKeys keys(json, source, "", &report);
  const auto patch_size = TRY(keys.integer("patch_size"));
  if (patch_size && *patch_size != config.patch_size)
    return keys.wrong("patch_size", fmt::format("config.json's {}", config.patch_size));
  const auto ratio = TRY(keys.number("pixel_shuffle_ratio"));
  if (ratio && TRY(shuffle_factor(keys, *ratio)) != config.shuffle)
    return keys.wrong("pixel_shuffle_ratio", fmt::format("config.json's 1 / {}", config.shuffle));
  return {};
}

Result<void> read_three(JsonKeys& keys, std::string_view key, std::array<float, 3>* values) {
  const Json* list = keys.value(key);
  if (list == nullptr) return {};
  if (!list->is_array() || list->size() != 3) return keys.wrong(key, "three numbers");
  for (size_t channel = 0; channel < 3; ++channel) {
    if (!(*list)[channel].is_number()) return keys.wrong(key, "three numbers");
    (*values)[channel] = (*list)[channel].get<float>();
  }
  return {};
}

Result<void> must_be_on(JsonKeys& keys, std::string_view key) {
  if (!TRY(keys.boolean(key)).value_or(true))
    return keys.wrong(key, "true (pictures are made as the model learnt them)");
  return {};
}

Result<void> read_preprocessor(const Json& json, const std::string& source, VisionConfig* config) {
  ConfigReport report;
  JsonKeys keys(json, source, "", &report);
  if (TRY(keys.boolean("resize_to_max_canvas")).value_or(false))
    return keys.wrong("resize_to_max_canvas", "false: Paddock enlarges a picture no further than its canvas needs");
  const auto resample = TRY(keys.integer("resample"));
  if (resample && *resample != 2) return keys.wrong("resample", "2, bilinear");
  TRY_VOID(must_be_on(keys, "do_resize"));
  TRY_VOID(must_be_on(keys, "do_rescale"));
  TRY_VOID(must_be_on(keys, "do_normalize"));
  const auto factor = TRY(keys.number("rescale_factor"));
  if (factor && std::abs(*factor * 255 - 1) > 1e-6) return keys.wrong("rescale_factor", "1 / 255");
  TRY_VOID(read_three(keys, "image_mean", &config->mean));
  TRY_VOID(read_three(keys, "image_std", &config->std));
  config->most_tiles = TRY(keys.integer("max_patches")).value_or(config->most_tiles);
  if (const Json* size = TRY(keys.object("size")))
    for (const char* side : {"height", "width"})
      if (const auto found = size->find(side);
          found != size->end() && !(found->is_number_integer() && found->get<int64_t>() == config->image_size))
        return keys.wrong("size", fmt::format("config.json's image_size of {}", config->image_size));
  return {};
}

Result<int64_t> text_width(const Json& config, const std::string& source) {
  const auto text = config.find("text_config");
  ConfigReport report;
  if (text != config.end() && text->is_object())
    return JsonKeys(*text, source, "text_config.", &report).required_integer("hidden_size");
  return JsonKeys(config, source, "", &report).required_integer("hidden_size");
}

}  // namespace

Result<std::optional<VisionConfig>> vision_config_from_json(const Json& json, const Json* processor,
                                                            const Json* preprocessor, const std::string& folder) {
  const std::string source = folder + "/config.json";
  if (!json.is_object()) return error(ErrorCode::kBadFile, "{}: expected a JSON object", source);
  ConfigReport report;
  JsonKeys whole(json, source, "", &report);
  const Json* vision = TRY(whole.object("vision_config"));
  if (vision == nullptr) return std::nullopt;
  JsonKeys keys(*vision, source, "vision_config.", &report);
  VisionConfig config;
  TRY_VOID(read_tower_shapes(keys, &config));
  TRY_VOID(refuse_other_towers(keys, config));
  config.text_width = TRY(text_width(json, source));
  config.patch_token = TRY(token_id(whole, "image_token_index"));
  config.image_start_token = TRY(token_id(whole, "boi_token_index"));
  config.image_end_token = TRY(token_id(whole, "eoi_token_index"));
  // Without these files the published values hold: 16 tiles, mean and deviation of a half, bilinear.
  if (processor != nullptr) {
    const std::string name = folder + "/processor_config.json";
    if (!processor->is_object()) return error(ErrorCode::kBadFile, "{}: expected a JSON object", name);
    TRY_VOID(agree_with_processor(*processor, name, config));
  }
  if (preprocessor != nullptr) {
    const std::string name = folder + "/preprocessor_config.json";
    if (!preprocessor->is_object()) return error(ErrorCode::kBadFile, "{}: expected a JSON object", name);
    TRY_VOID(read_preprocessor(*preprocessor, name, &config));
  }
  TRY_VOID(check_vision_config(config, source));
  return std::optional<VisionConfig>(config);
}

}  // namespace paddock::llama4
