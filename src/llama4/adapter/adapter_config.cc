// SPDX-License-Identifier: Apache-2.0
#include "llama4/adapter/adapter_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/json.h"

namespace paddock::llama4 {
namespace {

// Beyond it a float32 has no place for the product with a weight.
constexpr double kLargestAlpha = 1e9;

// Whether a key says nothing: missing, null, false, or an empty list or object.
bool is_unset(const Json& json, const char* key) {
  return !json.contains(key) || json.at(key).is_null() || json.at(key) == false || json.at(key).empty();
}

std::string shown(const Json& json, const char* key) {
  if (!json.contains(key)) return "nothing";
  std::string text = json.at(key).dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > 80) text = text.substr(0, 80) + "...";
  return text;
}

bool is_alpha(const Json& value) {
  return value.is_number() && std::isfinite(value.get<double>()) && std::abs(value.get<double>()) <= kLargestAlpha;
}

// The keys of patterns are regular expressions for the end of a module's name. Those that are names are known here.
bool is_plain_name(std::string_view key) {
  return !key.empty() && std::ranges::all_of(key, [](char letter) {
    return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') || (letter >= '0' && letter <= '9') ||
           letter == '_' || letter == '.';
  });
}

bool ends_with_module(std::string_view name, std::string_view module) {
  return name == module || (name.ends_with(module) && name[name.size() - module.size() - 1] == '.');
}

struct Refused {
  const char* key;
  const char* why;
};

// Whatever these say beside "no" makes another adapter of it than a low-rank update of the model's own matrices.
constexpr Refused kRefused[] = {
    {"use_dora", "magnitudes of DoRA are not known here; merge the adapter into the model"},
    {"use_qalora", "pooled inputs are not known here; merge the adapter into the model"},
    {"fan_in_fan_out", "the model's matrices are stored outputs first"},
    {"lora_bias", "an update has no bias here; merge the adapter into the model"},
    {"modules_to_save", "whole matrices of an adapter are not known here; merge the adapter into the model"},
    {"trainable_token_indices", "rows of an adapter are not known here; merge the adapter into the model"},
    {"layer_replication", "layers run in the model's own order here; merge the adapter into the model"},
    {"alora_invocation_tokens", "an adapter works for a whole request here"},
    {"arrow_config", "adapters are not mixed here"},
    {"use_bdlora", "blocks of an update are not known here"},
};

}  // namespace

Result<AdapterConfig> AdapterConfig::parse(std::string_view text, const std::string& source) {
  const Json json = TRY(parse_json(text, source));
  if (!json.is_object()) return error(ErrorCode::kBadFile, "{}: expected an object", source);
  const auto wrong = [&](const char* key, const char* expected) {
    return error(ErrorCode::kBadFile, "{}: {}: expected {}, found {}", source, key, expected, shown(json, key));
  };
  if (json.value("peft_type", Json("LORA")) != "LORA") return wrong("peft_type", "LORA");
  for (const Refused& each : kRefused)
    if (!is_unset(json, each.key))
      return error(ErrorCode::kUnsupported, "{}: {}: expected none, found {}: {}", source, each.key,
                   shown(json, each.key), each.why);
  if (!is_unset(json, "bias") && json.at("bias") != "none") return wrong("bias", "\"none\"");
  // The others begin with a product that was taken out of the model's weights.
  const Json start = json.value("init_lora_weights", Json(true));
  if (start.is_string() && start != "gaussian" && start != "orthogonal" && start != "eva")
    return error(ErrorCode::kUnsupported,
                 "{}: init_lora_weights: expected an update of the model's own weights, found {}, which changes them; "
                 "convert the adapter to a plain one with PEFT",
                 source, shown(json, "init_lora_weights"));

  AdapterConfig config;
  if (!json.contains("lora_alpha") || !is_alpha(json.at("lora_alpha"))) return wrong("lora_alpha", "a number");
  config.alpha_ = json.at("lora_alpha").get<double>();
  if (!is_unset(json, "alpha_pattern")) {
    if (!json.at("alpha_pattern").is_object()) return wrong("alpha_pattern", "an object");
    for (const auto& [key, alpha] : json.at("alpha_pattern").items()) {
      if (!is_plain_name(key) || !is_alpha(alpha))
        return wrong("alpha_pattern", "a number for each ending of a module's name, without signs of a pattern");
      config.alpha_of_.emplace_back(key, alpha.get<double>());
    }
  }
  if (json.contains("target_parameters") && json.at("target_parameters").is_array())
    for (const Json& target : json.at("target_parameters"))
      if (target.is_string()) config.target_parameters_.push_back(target.get<std::string>());
  config.root_of_rank_ = json.contains("use_rslora") && json.at("use_rslora") == true;
  if (json.contains("peft_version") && json.at("peft_version").is_string())
    if (int major = 0, minor = 0;
        std::sscanf(json.at("peft_version").get_ref<const std::string&>().c_str(), "%4d.%4d", &major, &minor) == 2)
      config.version_ = {major, minor};
  return config;
}

float AdapterConfig::scale(std::string_view name, int64_t rank) const {
  const auto found =
      std::ranges::find_if(alpha_of_, [&](const auto& one) { return ends_with_module(name, one.first); });
  const double alpha = found == alpha_of_.end() ? alpha_ : found->second;
  const auto r = static_cast<double>(rank);
  return static_cast<float>(alpha / (root_of_rank_ ? std::sqrt(r) : r));
}

bool AdapterConfig::updates_gate_up_alone(const std::string& experts) const {
  const auto is_named = [&](const std::string& tensor) {
    return std::ranges::any_of(target_parameters_,
                               [&](const std::string& target) { return ends_with_module(tensor, target); });
  };
  return is_named(experts + ".gate_up_proj") && !is_named(experts + ".down_proj");
}

}  // namespace paddock::llama4
