// SPDX-License-Identifier: Apache-2.0
#include "text/tokenizer_config.h"

#include <algorithm>

#include "base/json_walk.h"

namespace paddock::text {
namespace {

constexpr int kMaxConfigDepth = 64;

// Where the text of the token under `key` is kept; null for other keys.
std::optional<std::string>* token_under(TokenizerConfig& config, std::string_view key) {
  if (key == "bos_token") return &config.bos_token;
  if (key == "eos_token") return &config.eos_token;
  if (key == "pad_token") return &config.pad_token;
  return nullptr;
}

Result<void> read_item(const JsonItem& item, std::string_view source, TokenizerConfig& config) {
  using Kind = JsonItem::Kind;
  if (item.keys.empty()) {
    if (item.kind == Kind::kObjectStart || item.kind == Kind::kObjectEnd) return {};
    return error(ErrorCode::kBadFile, "{}: holds {}; expected a JSON object", source, item.text);
  }
  const std::string& key = item.keys.front();
  const bool is_null = item.kind == Kind::kOther && item.text == "null";
  if (std::optional<std::string>* token = token_under(config, key)) {
    // Written as its text, or as an object that holds it under "content".
    const bool is_content = item.keys.size() == 2 && item.keys[1] == "content";
    const bool is_object = item.kind == Kind::kObjectStart || item.kind == Kind::kObjectEnd;
    if (is_null || (is_object && item.keys.size() == 1) || (item.keys.size() > 1 && !is_content)) return {};
    if (item.kind != Kind::kString)
      return error(ErrorCode::kBadFile, "{}: \"{}\" is not a text; expected a token's", source, key);
    *token = std::string(item.text);
  } else if (key == "add_bos_token" && !is_null) {
    if (item.kind != Kind::kOther || (item.text != "true" && item.text != "false"))
      return error(ErrorCode::kBadFile, "{}: \"{}\" is neither true nor false", source, key);
    config.add_bos_token = item.text == "true";
  }
  return {};
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
  TokenizerConfig config;
  TRY_VOID(walk_json(file, source, kMaxConfigDepth, [&](const JsonItem& item) { return read_item(item, source, config); }));
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
