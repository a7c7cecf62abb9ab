// SPDX-License-Identifier: Apache-2.0
#include "export/gguf_tokenizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/mapped_file.h"
#include "text/tokenizer_json.h"
#include "text/vocabulary_json.h"

namespace paddock::exporting {
namespace {

using checkpoint::GgufPair;
using checkpoint::GgufType;
using text::SplitKind;
using text::SplitStep;
using text::TokenId;

constexpr int64_t kNormal = 1, kControl = 3, kUserDefined = 4, kUnused = 5;

// The name in tokenizer.ggml.pre of how text is split.
std::optional<std::string> pre_name(const std::vector<SplitStep>& split) {
  const auto is = [&](std::initializer_list<SplitKind> kinds) {
    return std::ranges::equal(split, kinds, {}, &SplitStep::kind);
  };
  if (is({SplitKind::kO200k})) return "llama4";
  if (is({SplitKind::kLlama3})) return split[0].max_digits == 3 ? "llama-bpe" : "qwen2";
  if (is({SplitKind::kSingleDigits, SplitKind::kGpt2})) return "smollm";
  if (is({SplitKind::kGpt2})) return "gpt-2";
  return std::nullopt;
}

class Builder {
 public:
  Builder(const text::TokenizerJson& lists, const text::Vocabulary& vocabulary, const llama4::Config& config)
      : lists_(lists), vocabulary_(vocabulary), config_(config) {}

  GgufTokenizer build(const std::string& pre, const text::ChatSource& chat) {
    add("model", std::string("gpt2"));
    add("pre", pre);
    add_tokens();
    add_merges();
    add_ids();
    add("add_bos_token", vocabulary_.add_bos);
    for (const auto& [name, text] : chat.templates)
      result_.pairs.push_back(
          {name == "default" ? "tokenizer.chat_template" : "tokenizer.chat_template." + name, text});
    result_.texts = texts_;
    return std::move(result_);
  }

 private:
  template <typename Value>
  void add(const std::string& key, Value value, std::optional<GgufType> width = {}) {
    result_.pairs.push_back({"tokenizer.ggml." + key, checkpoint::GgufValue(std::move(value)), width});
  }

  std::string_view keep(std::string text) { return texts_->emplace_back(std::move(text)); }

  void add_tokens() {
    const auto rows = static_cast<size_t>(config_.vocabulary);
    std::vector<std::string_view> tokens(rows);
    std::vector<int64_t> types(rows, kUnused);
    const auto put = [&](int64_t id, std::string_view text, int64_t type) {
      tokens[static_cast<size_t>(id)] = keep(std::string(text));
      types[static_cast<size_t>(id)] = type;
    };
    for (size_t index = 0; index < lists_.vocab.size(); ++index)
      put(lists_.vocab_ids[index], lists_.vocab[index], kNormal);
    for (const text::AddedToken& token : vocabulary_.added)
      put(token.id, token.text, token.special ? kControl : kUserDefined);
    for (size_t id = 0; id < rows; ++id)
      if (types[id] == kUnused) tokens[id] = keep(fmt::format("[PAD{}]", id));
    add("tokens", std::move(tokens));
    add("token_type", std::move(types), GgufType::kInt32);
  }

  void add_merges() {
    std::vector<std::string_view> merges;
    for (size_t side = 0; side < lists_.merge_sides.size(); side += 2)
      merges.push_back(keep(fmt::format("{} {}", lists_.merge_sides[side], lists_.merge_sides[side + 1])));
    add("merges", std::move(merges));
  }

  void add_ids() {
    const auto id = [&](const char* key, std::optional<int64_t> value) {
      if (value) add(key, static_cast<uint64_t>(*value), GgufType::kUint32);
    };
    id("bos_token_id", vocabulary_.bos ? vocabulary_.bos : config_.bos_token);
    if (!config_.stop_tokens.empty()) id("eos_token_id", config_.stop_tokens.front());
    id("eot_token_id", special({"<|eot|>", "<|eot_id|>", "<|im_end|>"}));
    id("eom_token_id", special({"<|eom|>", "<|eom_id|>"}));
    id("padding_token_id", vocabulary_.pad);
  }

  std::optional<int64_t> special(std::initializer_list<std::string_view> names) const {
    for (const text::AddedToken& token : vocabulary_.added)
      if (token.special && std::ranges::find(names, token.text) != names.end()) return token.id;
    return std::nullopt;
  }

  const text::TokenizerJson& lists_;
  const text::Vocabulary& vocabulary_;
  const llama4::Config& config_;
  std::shared_ptr<std::deque<std::string>> texts_ = std::make_shared<std::deque<std::string>>();
  GgufTokenizer result_;
};

}  // namespace

Result<GgufTokenizer> gguf_tokenizer(const std::filesystem::path& file, const llama4::Config& config,
                                     const text::ChatSource& chat) {
  const std::string content = TRY(read_text_file(file)), source = file.string();
  const text::Vocabulary vocabulary = TRY(text::vocabulary_from_json(content, source));
  Json rest;
  const text::TokenizerJson lists = TRY(text::parse_tokenizer_json(content, source, rest));
  int64_t largest = -1;
  for (const int64_t id : lists.vocab_ids) largest = std::max(largest, id);
  for (const text::AddedToken& token : vocabulary.added) largest = std::max<int64_t>(largest, token.id);
  if (largest >= config.vocabulary)
    return error(ErrorCode::kBadFile, "{}: expected ids below the model's {} rows, found {}; is it of another model?",
                 source, config.vocabulary, largest);
  const auto pre = pre_name(vocabulary.split);
  if (!pre)
    return error(ErrorCode::kUnsupported,
                 "{}: expected text to be split as by Llama 3 or 4, GPT-2, Qwen 2 or SmolLM, found another pattern, "
                 "which GGUF has no name for",
                 source);
  return Builder(lists, vocabulary, config).build(*pre, chat);
}

GgufTokenizer no_tokenizer() { return {{{"tokenizer.ggml.model", std::string("none")}}, nullptr}; }

}  // namespace paddock::exporting
