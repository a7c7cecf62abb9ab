// SPDX-License-Identifier: Apache-2.0
#include "text/tokenizer_config.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.h"

namespace paddock::text {
namespace {

// A token is written as its text or as an object that holds it under "content"; null and absence are nullopt.
Result<std::optional<std::string>> token_text(const Json& config, const char* key, std::string_view source) {
  const auto found = config.find(key);
  if (found == config.end() || found->is_null()) return std::nullopt;
  const Json* text = &*found;
  if (text->is_object() && text->contains("content")) text = &text->at("content");
  if (!text->is_string())
    return error(ErrorCode::kBadFile, "{}: \"{}\" is {}; expected a token's text", source, key, found->type_name());
  return text->get<std::string>();
}

std::optional<TokenId> id_of(const Vocabulary& vocabulary, const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  const auto found = std::find_if(vocabulary.added.begin(), vocabulary.added.end(),
                                  [&](const AddedToken& token) { return token.text == *text; });
  if (found != vocabulary.added.end()) return found->id;
  const TokenId id = vocabulary.tokens.find(*text);
  return id == kNoToken ? std::nullopt : std::optional(id);
}

}  // namespace

Result<TokenizerConfig> parse_tokenizer_config(std::string_view file, std::string_view source) {
  const Json json = TRY(parse_json(file, source));
  if (!json.is_object())
    return error(ErrorCode::kBadFile, "{}: holds {}; expected a JSON object", source, json.type_name());
  TokenizerConfig config;
  config.bos_token = TRY(token_text(json, "bos_token", source));
  config.eos_token = TRY(token_text(json, "eos_token", source));
  config.pad_token = TRY(token_text(json, "pad_token", source));
  if (const auto add_bos = json.find("add_bos_token"); add_bos != json.end() && !add_bos->is_null()) {
    if (!add_bos->is_boolean())
      return error(ErrorCode::kBadFile, "{}: \"add_bos_token\" is {}; expected true or false", source,
                   add_bos->type_name());
    config.add_bos_token = add_bos->get<bool>();
  }
  return config;
}

void apply_tokenizer_config(const TokenizerConfig& config, Vocabulary& vocabulary) {
  if (const auto bos = id_of(vocabulary, config.bos_token)) vocabulary.bos = bos;
  if (const auto pad = id_of(vocabulary, config.pad_token)) vocabulary.pad = pad;
  if (const auto eos = id_of(vocabulary, config.eos_token)) vocabulary.stop.push_back(*eos);
  add_known_stops(vocabulary);
  if (config.add_bos_token) vocabulary.add_bos = *config.add_bos_token && vocabulary.bos.has_value();
}

}  // namespace paddock::text
