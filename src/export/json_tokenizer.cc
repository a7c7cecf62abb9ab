// SPDX-License-Identifier: Apache-2.0
#include "export/json_tokenizer.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <unordered_set>

#include "base/utf8.h"
#include "text/patterns.h"

namespace paddock::exporting {
namespace {

using text::SplitKind;
using text::SplitStep;

constexpr int64_t kUnused = 5;

// Braces around a single pair mean different things to different compilers.
Json object_of(const char* key, Json value) {
  Json object = Json::object();
  object[key] = std::move(value);
  return object;
}

Json byte_level(bool use_regex) {
  return {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", use_regex}};
}

Json split_on(std::string_view pattern) {
  return {{"type", "Split"}, {"pattern", object_of("Regex", pattern)}, {"behavior", "Isolated"}, {"invert", false}};
}

// The last step of a byte-level tokenizer makes bytes of characters; GPT-2's pattern is part of it.
Json pre_tokenizer(const std::vector<SplitStep>& split) {
  std::vector<Json> steps;
  bool bytes = false;
  for (size_t index = 0; index < split.size(); ++index) {
    const SplitStep& step = split[index];
    const bool last = index + 1 == split.size();
    switch (step.kind) {
      case SplitKind::kO200k: steps.push_back(split_on(text::kO200kPattern)); break;
      case SplitKind::kLlama3:
        steps.push_back(split_on(step.max_digits == 3 ? text::kLlama3Pattern : text::kQwen2Pattern));
        break;
      case SplitKind::kGpt2:
        steps.push_back(last ? byte_level(true) : split_on(text::kGpt2Pattern));
        bytes = last;
        break;
      case SplitKind::kSingleDigits:
      case SplitKind::kDigitRuns:
        steps.push_back({{"type", "Digits"}, {"individual_digits", step.kind == SplitKind::kSingleDigits}});
        break;
      case SplitKind::kRegex: steps.push_back(split_on(step.pattern)); break;
      case SplitKind::kSpaceBefore: break;  // no file of GGUF says so
    }
  }
  if (!bytes) steps.push_back(byte_level(false));
  return {{"type", "Sequence"}, {"pretokenizers", steps}};
}

// Texts are well-formed, or the file could not hold them.
std::string text_at(const text::GgufVocabulary& gguf, int64_t id) {
  return replace_invalid_utf8(gguf.tokens[static_cast<size_t>(id)]);
}

Json added_tokens(const text::Vocabulary& vocabulary) {
  std::vector<Json> added;
  for (const text::AddedToken& token : vocabulary.added)
    added.push_back({{"id", token.id},
                     {"content", token.text},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", token.special}});
  return added;
}

// Every token but those of rows without one; added tokens too, which would be numbered anew otherwise. Of two equal
// texts the first counts.
Json vocabulary_of(const text::GgufVocabulary& gguf) {
  Json vocab = Json::object();
  std::unordered_set<std::string> seen;
  for (size_t id = 0; id < gguf.tokens.size(); ++id) {
    if (gguf.tokens[id].empty() || (!gguf.token_types.empty() && gguf.token_types[id] == kUnused)) continue;
    std::string text = text_at(gguf, static_cast<int64_t>(id));
    if (seen.insert(text).second) append_new_key(vocab, std::move(text), id);
  }
  return vocab;
}

// "left right"; a space inside a side would stand for another character in byte-level text.
Json merges_of(const text::GgufVocabulary& gguf) {
  std::vector<Json> merges;
  for (const std::string_view merge : gguf.merges) {
    const size_t space = merge.find(' ', 1);
    merges.push_back(std::vector<std::string>{replace_invalid_utf8(merge.substr(0, space)),
                                              replace_invalid_utf8(merge.substr(space + 1))});
  }
  return merges;
}

Json post_processor(const text::GgufVocabulary& gguf, const text::Vocabulary& vocabulary) {
  if (!vocabulary.add_bos || !vocabulary.bos)
    return {{"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", false}, {"use_regex", true}};
  const std::string bos = text_at(gguf, *vocabulary.bos);
  const auto special = [&](int type) { return object_of("SpecialToken", {{"id", bos}, {"type_id", type}}); };
  const auto sequence = [](const char* name, int type) {
    return object_of("Sequence", {{"id", name}, {"type_id", type}});
  };
  Json processor = {{"type", "TemplateProcessing"}};
  processor["single"] = std::vector<Json>{special(0), sequence("A", 0)};
  processor["pair"] = std::vector<Json>{special(0), sequence("A", 0), special(1), sequence("B", 1)};
  processor["special_tokens"][bos] = {
      {"id", bos}, {"ids", std::vector<int64_t>{*vocabulary.bos}}, {"tokens", std::vector<std::string>{bos}}};
  return processor;
}

Json tokenizer_config(const text::GgufVocabulary& gguf, const text::ChatSource& chat) {
  Json json = {{"tokenizer_class", "PreTrainedTokenizerFast"},
               {"clean_up_tokenization_spaces", false},
               {"add_bos_token", gguf.add_bos.value_or(false)}};
  const auto count = static_cast<int64_t>(gguf.tokens.size());
  for (const auto& [name, id] :
       {std::pair("bos_token", gguf.bos_id), {"eos_token", gguf.eos_id}, {"pad_token", gguf.pad_id}})
    if (id && *id >= 0 && *id < count) json[name] = text_at(gguf, *id);
  if (chat.templates.size() == 1 && chat.templates.contains("default")) {
    json["chat_template"] = replace_invalid_utf8(chat.templates.at("default"));
  } else if (!chat.templates.empty()) {
    std::vector<Json> templates;
    for (const auto& [name, text] : chat.templates)
      templates.push_back({{"name", replace_invalid_utf8(name)}, {"template", replace_invalid_utf8(text)}});
    json["chat_template"] = templates;
  }
  return json;
}

}  // namespace

Result<JsonTokenizer> json_tokenizer(const text::GgufVocabulary& gguf, const text::ChatSource& chat,
                                     const std::string& source) {
  const text::Vocabulary vocabulary = TRY(text::vocabulary_from_gguf(gguf, source));
  JsonTokenizer result;
  Json& json = result.tokenizer;
  json = {{"version", "1.0"}, {"truncation", nullptr}, {"padding", nullptr}};
  json["added_tokens"] = added_tokens(vocabulary);
  json["normalizer"] = nullptr;
  json["pre_tokenizer"] = pre_tokenizer(vocabulary.split);
  json["post_processor"] = post_processor(gguf, vocabulary);
  json["decoder"] = byte_level(true);
  json["model"] = {{"type", "BPE"},
                   {"dropout", nullptr},
                   {"unk_token", nullptr},
                   {"continuing_subword_prefix", nullptr},
                   {"end_of_word_suffix", nullptr},
                   {"fuse_unk", false},
                   {"byte_fallback", false},
                   {"ignore_merges", vocabulary.whole_pieces_first}};
  json["model"]["vocab"] = vocabulary_of(gguf);
  json["model"]["merges"] = merges_of(gguf);
  result.tokenizer_config = tokenizer_config(gguf, chat);
  Json& generation = result.generation_config;
  generation = Json::object();
  if (vocabulary.bos) generation["bos_token_id"] = *vocabulary.bos;
  if (!vocabulary.stop.empty()) generation["eos_token_id"] = vocabulary.stop;
  if (vocabulary.pad) generation["pad_token_id"] = *vocabulary.pad;
  return result;
}

}  // namespace paddock::exporting
