// SPDX-License-Identifier: Apache-2.0
#include "text/vocabulary_gguf.h"

#include <string>

#include "base/utf8.h"
#include "text/byte_level.h"
#include "text/byte_level_merges.h"
#include "text/llama_specials.h"

namespace paddock::text {
namespace {

enum class TokenType { kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4, kUnused = 5, kByte = 6 };

// What a name in tokenizer.ggml.pre stands for.
struct PreTokenizer {
  std::string_view name;
  std::vector<SplitStep> split;
  bool whole_pieces_first = false;
  bool add_bos = false;  // where the file does not say
};

SplitStep regex(std::string_view pattern) { return {.kind = SplitKind::kRegex, .pattern = std::string(pattern)}; }

std::vector<PreTokenizer> pre_tokenizers() {
  const std::vector<SplitStep> o200k = {{.kind = SplitKind::kO200k}};
  const std::vector<SplitStep> llama3 = {{.kind = SplitKind::kLlama3, .max_digits = 3}};
  const std::vector<SplitStep> qwen2 = {{.kind = SplitKind::kLlama3, .max_digits = 1}};
  const std::vector<SplitStep> gpt2 = {{.kind = SplitKind::kGpt2}};
  const std::vector<SplitStep> digits_gpt2 = {{.kind = SplitKind::kSingleDigits}, {.kind = SplitKind::kGpt2}};
  // What files get whose converter knew nothing better.
  const std::vector<SplitStep> fallback = {
      regex(R"([\p{P}\$\+<=>\^~\|]+)"), {.kind = SplitKind::kGpt2}, regex(R"(\p{N}+)"), regex("[0-9][0-9][0-9]")};
  return {
      {"llama4", o200k, true},
      {"gpt-4o", o200k, true},
      {"llama-bpe", llama3, true, true},
      {"llama3", llama3, true, true},
      {"llama-v3", llama3, true, true},
      {"gpt-2", gpt2},
      {"smollm", digits_gpt2},
      {"starcoder", digits_gpt2},
      {"refact", digits_gpt2},
      {"command-r", digits_gpt2},
      {"olmo", gpt2},
      {"mpt", gpt2},
      {"qwen2", qwen2},
      {"default", fallback},
      {"", fallback},
  };
}

Result<PreTokenizer> find_pre_tokenizer(std::string_view name, std::string_view source) {
  std::string known;
  for (PreTokenizer& candidate : pre_tokenizers()) {
    if (candidate.name == name) return std::move(candidate);
    if (!candidate.name.empty()) known += (known.empty() ? "" : ", ") + std::string(candidate.name);
  }
  return error(ErrorCode::kUnsupported,
               "{}: tokenizer.ggml.pre is \"{}\", a split pattern that Paddock does not know; it knows {}", source,
               replace_invalid_utf8(name.substr(0, 80)), known);
}

Result<void> add_token(const GgufVocabulary& gguf, size_t index, std::string& bytes, Vocabulary& vocabulary) {
  const std::string_view text = gguf.tokens[index];
  const auto id = static_cast<TokenId>(index);
  const auto type = gguf.token_types.empty() ? TokenType::kNormal : static_cast<TokenType>(gguf.token_types[index]);
  if (text.empty() || type == TokenType::kUnused) {
    // A row of the model without a token of its own. It still takes its id: later ones are counted from the start.
    return {};
  }
  bytes = text;
  bool is_bytes = true;  // `bytes` is what plain text may hold
  if (type == TokenType::kControl || type == TokenType::kUserDefined || type == TokenType::kUnknown) {
    vocabulary.added.push_back({.id = id, .text = std::string(text), .special = type != TokenType::kUserDefined});
  } else {
    bytes.clear();
    is_bytes = append_byte_level(bytes, text);
  }
  // Findable until merges are read even where special: a merge may name such a token. Of two equal texts the first
  // counts.
  const std::string_view token = is_bytes ? std::string_view(bytes) : text;
  return vocabulary.tokens.add(id, token, is_bytes && vocabulary.tokens.find(token) == kNoToken);
}

Result<void> read_named_ids(const GgufVocabulary& gguf, Vocabulary& vocabulary) {
  const auto token = [&](std::optional<int64_t> id, std::string_view key) -> Result<std::optional<TokenId>> {
    if (!id) return std::nullopt;
    if (*id < 0 || *id > kMaxTokenId || !vocabulary.tokens.contains(static_cast<TokenId>(*id)))
      return error(ErrorCode::kBadFile, "tokenizer.ggml.{} is {}, but there is no such token", key, *id);
    return static_cast<TokenId>(*id);
  };
  vocabulary.bos = TRY(token(gguf.bos_id, "bos_token_id"));
  vocabulary.pad = TRY(token(gguf.pad_id, "padding_token_id"));
  for (const auto& [id, key] : {std::pair{gguf.eos_id, "eos_token_id"}, std::pair{gguf.eot_id, "eot_token_id"},
                                std::pair{gguf.eom_id, "eom_token_id"}})
    if (const auto stop = TRY(token(id, key))) vocabulary.stop.push_back(*stop);
  return {};
}

Result<Vocabulary> build(const GgufVocabulary& gguf, PreTokenizer pre) {
  Vocabulary vocabulary;
  vocabulary.tokens.reserve(gguf.tokens.size(), gguf.tokens.size() * 8);
  std::string bytes;
  for (size_t index = 0; index < gguf.tokens.size(); ++index) TRY_VOID(add_token(gguf, index, bytes, vocabulary));
  MergeReader reader(vocabulary.tokens);
  vocabulary.merges.reserve(gguf.merges.size());
  for (const std::string_view merge : gguf.merges) vocabulary.merges.push_back(TRY(reader.read(merge)));
  TRY_VOID(name_unnamed_llama4_tokens(vocabulary));
  keep_special_out_of_text(vocabulary);
  TRY_VOID(read_named_ids(gguf, vocabulary));
  add_known_stops(vocabulary);
  vocabulary.split = std::move(pre.split);
  vocabulary.whole_pieces_first = pre.whole_pieces_first;
  vocabulary.add_bos = gguf.add_bos.value_or(pre.add_bos) && (gguf.add_bos || vocabulary.bos);
  return vocabulary;
}

}  // namespace

Result<Vocabulary> vocabulary_from_gguf(const GgufVocabulary& gguf, std::string_view source) {
  if (gguf.tokens.empty())
    return error(ErrorCode::kNotFound,
                 "{}: no tokenizer.ggml.tokens in its metadata; expected a file with a vocabulary", source);
  if (gguf.model != "gpt2")
    return error(ErrorCode::kUnsupported,
                 "{}: tokenizer.ggml.model is \"{}\"; expected \"gpt2\", the byte-level BPE of Llama 3 and 4", source,
                 replace_invalid_utf8(gguf.model.substr(0, 80)));
  if (!gguf.token_types.empty() && gguf.token_types.size() != gguf.tokens.size())
    return error(ErrorCode::kBadFile, "{}: {} tokens but {} token types; expected one for each", source,
                 gguf.tokens.size(), gguf.token_types.size());
  if (gguf.tokens.size() > size_t{kMaxTokenId} + 1)
    return error(ErrorCode::kLimit, "{}: {} tokens; expected at most {}", source, gguf.tokens.size(),
                 size_t{kMaxTokenId} + 1);
  auto vocabulary = build(gguf, TRY(find_pre_tokenizer(gguf.pre, source)));
  if (!vocabulary) return error(vocabulary.error().code, "{}: {}", source, vocabulary.error().message);
  return vocabulary;
}

}  // namespace paddock::text
