// SPDX-License-Identifier: Apache-2.0
#include "cli/gguf_text.h"

#include <utility>
#include <variant>

#include "base/utf8.h"

namespace paddock::cli {
namespace {

using checkpoint::GgufValue;

class Reader {
 public:
  Reader(const checkpoint::GgufMetadata& metadata, const std::string& source) : metadata_(metadata), source_(source) {}

  bool has(std::string_view key) const { return metadata_.find(key) != nullptr; }

  template <typename T>
  Result<const T*> optional(std::string_view key, std::string_view expected) const {
    const GgufValue* value = metadata_.find(key);
    if (value == nullptr) return nullptr;
    if (const T* held = std::get_if<T>(value)) return held;
    return wrong(key, expected);
  }
  Result<std::optional<int64_t>> id(std::string_view key) const {
    const GgufValue* value = metadata_.find(key);
    if (value == nullptr) return std::nullopt;
    if (const auto* number = std::get_if<uint64_t>(value)) {
      // Converters write 2^32 - 1 for "there is none".
      if (*number == UINT32_MAX || *number > INT64_MAX) return std::nullopt;
      return static_cast<int64_t>(*number);
    }
    if (const auto* number = std::get_if<int64_t>(value))
      return *number < 0 ? std::nullopt : std::optional<int64_t>(*number);
    return wrong(key, "a token id");
  }
  Result<std::vector<int64_t>> integers(std::string_view key) const {
    const GgufValue* value = metadata_.find(key);
    if (value == nullptr) return std::vector<int64_t>();
    if (const auto* list = std::get_if<std::vector<int64_t>>(value)) return *list;
    if (const auto* list = std::get_if<std::vector<uint64_t>>(value))
      return std::vector<int64_t>(list->begin(), list->end());
    return wrong(key, "an array of integers");
  }

 private:
  tl::unexpected<Error> wrong(std::string_view key, std::string_view expected) const {
    return error(ErrorCode::kBadFile, "{}: metadata key {}: expected {}, found another type; convert the model again",
                 source_, key, expected);
  }

  const checkpoint::GgufMetadata& metadata_;
  const std::string& source_;
};

}  // namespace

Result<std::optional<text::GgufVocabulary>> gguf_vocabulary(const checkpoint::GgufMetadata& metadata,
                                                            const std::string& source) {
  const Reader reader(metadata, source);
  if (!reader.has("tokenizer.ggml.model")) return std::nullopt;
  using Strings = std::vector<std::string_view>;
  text::GgufVocabulary vocabulary;
  vocabulary.model = *TRY(reader.optional<std::string>("tokenizer.ggml.model", "a string"));
  if (vocabulary.model == "none" || vocabulary.model == "no_vocab") return std::nullopt;  // says so in words
  if (const auto* pre = TRY(reader.optional<std::string>("tokenizer.ggml.pre", "a string"))) vocabulary.pre = *pre;
  if (const auto* tokens = TRY(reader.optional<Strings>("tokenizer.ggml.tokens", "an array of strings")))
    vocabulary.tokens = *tokens;
  vocabulary.token_types = TRY(reader.integers("tokenizer.ggml.token_type"));
  if (const auto* merges = TRY(reader.optional<Strings>("tokenizer.ggml.merges", "an array of strings")))
    vocabulary.merges = *merges;
  vocabulary.bos_id = TRY(reader.id("tokenizer.ggml.bos_token_id"));
  vocabulary.eos_id = TRY(reader.id("tokenizer.ggml.eos_token_id"));
  vocabulary.eot_id = TRY(reader.id("tokenizer.ggml.eot_token_id"));
  vocabulary.eom_id = TRY(reader.id("tokenizer.ggml.eom_token_id"));
  vocabulary.pad_id = TRY(reader.id("tokenizer.ggml.padding_token_id"));
  if (const auto* add_bos = TRY(reader.optional<bool>("tokenizer.ggml.add_bos_token", "true or false")))
    vocabulary.add_bos = *add_bos;
  return vocabulary;
}

Result<text::ChatSource> gguf_chat_source(const checkpoint::GgufMetadata& metadata,
                                          const text::GgufVocabulary& vocabulary, const std::string& source) {
  constexpr std::string_view kTemplate = "tokenizer.chat_template";
  const Reader reader(metadata, source);
  text::ChatSource chat;
  if (const auto* text = TRY(reader.optional<std::string>(kTemplate, "a string"))) chat.templates["default"] = *text;
  for (const checkpoint::GgufPair& pair : metadata.pairs())  // "tokenizer.chat_template.tool_use"
    if (pair.key.starts_with(kTemplate) && pair.key.size() > kTemplate.size() + 1 && pair.key[kTemplate.size()] == '.')
      chat.templates[pair.key.substr(kTemplate.size() + 1)] = *TRY(reader.optional<std::string>(pair.key, "a string"));
  for (const auto& [name, id] : {std::pair("bos_token", vocabulary.bos_id), {"eos_token", vocabulary.eos_id}})
    if (id && *id < static_cast<int64_t>(vocabulary.tokens.size()))
      chat.tokens[name] = replace_invalid_utf8(vocabulary.tokens[static_cast<size_t>(*id)]);
  return chat;
}

}  // namespace paddock::cli
