// SPDX-License-Identifier: Apache-2.0
#include "engine/generation_config.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace paddock::engine {
namespace {

tl::unexpected<Error> wrong(const std::string& source, const std::string& key, const char* expected,
                            const Json& found) {
  std::string shown = found.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (shown.size() > 80) shown = shown.substr(0, 77) + "...";
  return error(ErrorCode::kBadFile, "{}: {}: expected {}, found {}; correct the value", source, key, expected, shown);
}

Result<void> read_number(const std::string& source, const std::string& key, const Json& value,
                         std::optional<float>* number) {
  if (value.is_null()) return {};
  if (!value.is_number() || !std::isfinite(value.get<double>())) return wrong(source, key, "a finite number", value);
  *number = value.get<float>();
  return {};
}

Result<void> read_stop_tokens(const std::string& source, const Json& value, std::vector<int32_t>* tokens) {
  if (value.is_null()) return {};
  for (const Json& token : value.is_array() ? value : Json::array({value})) {
    if (!token.is_number_integer() || token.get<int64_t>() < 0 || token.get<int64_t>() > INT32_MAX)
      return wrong(source, "eos_token_id", "a token id or a list of them", value);
    tokens->push_back(token.get<int32_t>());
  }
  return {};
}

}  // namespace

Result<GenerationConfig> generation_config_from_json(const Json& json, const std::string& source) {
  if (!json.is_object())
    return error(ErrorCode::kBadFile, "{}: expected a JSON object, found {}", source, json.type_name());
  GenerationConfig config;
  for (const auto& [key, value] : json.items()) {
    if (key == "eos_token_id") {
      TRY_VOID(read_stop_tokens(source, value, &config.stop_tokens));
    } else if (key == "temperature") {
      TRY_VOID(read_number(source, key, value, &config.temperature));
    } else if (key == "top_p") {
      TRY_VOID(read_number(source, key, value, &config.top_p));
    } else if (key == "min_p") {
      TRY_VOID(read_number(source, key, value, &config.min_p));
    } else if (key == "repetition_penalty") {
      TRY_VOID(read_number(source, key, value, &config.repetition_penalty));
    } else if (key == "top_k" && !value.is_null()) {
      if (!value.is_number_integer() || value.get<int64_t>() < 0 || value.get<int64_t>() > INT32_MAX)
        return wrong(source, key, "0 or a positive integer", value);
      config.top_k = value.get<int32_t>();
    } else if (key == "do_sample" && !value.is_null()) {
      if (!value.is_boolean()) return wrong(source, key, "true or false", value);
      config.greedy = !value.get<bool>();
    } else {
      config.ignored.push_back(key);
    }
  }
  return config;
}

}  // namespace paddock::engine
