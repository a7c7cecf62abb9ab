// SPDX-License-Identifier: Apache-2.0
#include "text/vocabulary_json.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <string>
#include <unordered_map>

#include "base/utf8.h"
#include "text/byte_level.h"
#include "text/byte_level_merges.h"
#include "text/llama_specials.h"
#include "text/tokenizer_json.h"

namespace paddock::text {
namespace {

// Values of a file whose shape is not known: what is absent or of another type is null, empty or false.
const Json& member(const Json& object, const char* key) {
  static const Json kNull;
  if (!object.is_object()) return kNull;
  const auto found = object.find(key);
  return found == object.end() ? kNull : *found;
}
std::string text_of(const Json& value) { return value.is_string() ? value.get<std::string>() : std::string(); }
bool is_true(const Json& value) { return value.is_boolean() && value.get<bool>(); }
std::string type_of(const Json& part) { return text_of(member(part, "type")); }
std::string shown(const Json& value) {
  return replace_invalid_utf8(value.dump(-1, ' ', false, Json::error_handler_t::replace).substr(0, 80));
}

std::string quoted(const std::string& text) { return fmt::format("\"{}\"", text); }

// The parts of a "Sequence", however deep; a part that is none is itself.
void flatten(const Json& part, const char* list, std::vector<const Json*>& parts) {
  if (part.is_null()) return;
  if (type_of(part) != "Sequence") return parts.push_back(&part);
  for (const Json& inner : member(part, list)) flatten(inner, list, parts);
}
std::vector<const Json*> parts_of(const Json& part, const char* list) {
  std::vector<const Json*> parts;
  flatten(part, list, parts);
  return parts;
}

tl::unexpected<Error> unsupported(const char* where, const std::string& what, const char* expected) {
  return error(ErrorCode::kUnsupported, "its {} asks for {}; Paddock knows {}", where, what, expected);
}

Result<SplitStep> read_split(const Json& part) {
  const Json& pattern = member(part, "pattern");
  const std::string regex = text_of(member(pattern, "Regex"));
  const std::string literal = text_of(member(pattern, "String"));
  if (regex.empty() == literal.empty())
    return unsupported("pre_tokenizer", fmt::format("the pattern {}", shown(pattern)),
                       "one under \"Regex\" or under \"String\"");
  const std::string behavior = text_of(member(part, "behavior"));
  if (behavior != "Isolated" && behavior != "Removed")
    return unsupported("pre_tokenizer", fmt::format("the behavior \"{}\"", behavior), "\"Isolated\" and \"Removed\"");
  const bool removes = behavior == "Removed";
  const bool invert = is_true(member(part, "invert"));
  SplitStep step =
      literal.empty() ? split_step_of_pattern(regex) : SplitStep{.kind = SplitKind::kRegex, .pattern = literal};
  step.is_literal = !literal.empty();
  step.keep_matches = !removes || invert;
  step.keep_gaps = !removes || !invert;
  // The patterns matched by hand leave no gaps, so that only removing matches needs the general way.
  if (!step.keep_matches && step.kind != SplitKind::kRegex) {
    step.kind = SplitKind::kRegex;
    step.pattern = regex;
  }
  return step;
}

Result<std::vector<SplitStep>> read_pre_tokenizer(const Json& pre_tokenizer) {
  std::vector<SplitStep> steps;
  bool is_byte_level = false;
  for (const Json* part : parts_of(pre_tokenizer, "pretokenizers")) {
    const std::string type = type_of(*part);
    if (is_byte_level)
      return unsupported("pre_tokenizer", fmt::format("{} after ByteLevel", type), "ByteLevel in the last place");
    if (type == "ByteLevel") {
      is_byte_level = true;
      if (is_true(member(*part, "add_prefix_space"))) steps.push_back({.kind = SplitKind::kSpaceBefore});
      const Json& use_regex = member(*part, "use_regex");
      if (use_regex.is_null() || is_true(use_regex)) steps.push_back({.kind = SplitKind::kGpt2});
    } else if (type == "Digits") {
      const bool single = is_true(member(*part, "individual_digits"));
      steps.push_back({.kind = single ? SplitKind::kSingleDigits : SplitKind::kDigitRuns});
    } else if (type == "Split") {
      steps.push_back(TRY(read_split(*part)));
    } else {
      return unsupported("pre_tokenizer", quoted(type), "Split, Digits and ByteLevel");
    }
  }
  if (!is_byte_level) return unsupported("pre_tokenizer", "no ByteLevel", "byte-level BPE only");
  return steps;
}

Result<void> check_decoder(const Json& decoder) {
  for (const Json* part : parts_of(decoder, "decoders"))
    if (const std::string type = type_of(*part); type != "ByteLevel" && type != "Fuse")
      return unsupported("decoder", quoted(type), "ByteLevel");
  return {};
}

// A template that begins with a special token names the beginning of text.
Result<void> read_post_processor(const Json& post_processor, Vocabulary& vocabulary) {
  for (const Json* part : parts_of(post_processor, "processors")) {
    const std::string type = type_of(*part);
    if (type == "ByteLevel") continue;
    if (type != "TemplateProcessing") return unsupported("post_processor", quoted(type), "TemplateProcessing");
    const Json& single = member(*part, "single");
    if (!single.is_array() || single.empty()) continue;
    const std::string name = text_of(member(member(single[0], "SpecialToken"), "id"));
    if (name.empty()) continue;
    const Json& ids = member(member(member(*part, "special_tokens"), name.c_str()), "ids");
    if (!ids.is_array() || ids.size() != 1 || !ids[0].is_number_integer() || ids[0].get<int64_t>() < 0 ||
        ids[0].get<int64_t>() > kMaxTokenId)
      return error(ErrorCode::kBadFile, "its post_processor gives \"{}\" the ids {}; expected one", name, shown(ids));
    vocabulary.bos = ids[0].get<TokenId>();
    vocabulary.add_bos = true;
  }
  return {};
}

Result<void> check_model(const Json& model) {
  if (!model.is_object()) return error(ErrorCode::kBadFile, "it has no \"model\"; expected a BPE model");
  if (const std::string type = type_of(model); type != "BPE" && !member(model, "type").is_null())
    return unsupported("model", fmt::format("type \"{}\"", type), "BPE");
  for (const char* key : {"dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback"}) {
    const Json& value = member(model, key);
    const bool is_off = value.is_null() || value == false || value == "" || value == 0.0;
    if (!is_off) return unsupported("model", fmt::format("{} {}", key, shown(value)), "byte-level BPE without it");
  }
  if (!member(model, "vocab").is_null())
    return error(ErrorCode::kBadFile, "its model.vocab is {}; expected an object of texts and ids",
                 member(model, "vocab").type_name());
  return {};
}

using AddedById = std::unordered_map<TokenId, size_t>;  // index into Vocabulary::added

Result<AddedById> read_added_tokens(const Json& list, Vocabulary& vocabulary) {
  AddedById by_id;
  for (const Json& entry : list) {
    AddedToken token{.text = text_of(member(entry, "content"))};
    const Json& id = member(entry, "id");
    if (token.text.empty() || !id.is_number_integer() || id.get<int64_t>() < 0 || id.get<int64_t>() > kMaxTokenId)
      return error(ErrorCode::kBadFile,
                   "its added_tokens hold {}; expected a text under \"content\" and an id from 0 to {}", shown(entry),
                   kMaxTokenId);
    if (is_true(member(entry, "single_word")))
      return unsupported("added token", fmt::format("\"single_word\" at {}", shown(entry)),
                         "tokens that are found anywhere");
    token.id = id.get<TokenId>();
    token.special = is_true(member(entry, "special"));
    token.after_others = is_true(member(entry, "normalized"));
    token.takes_space_left = is_true(member(entry, "lstrip"));
    token.takes_space_right = is_true(member(entry, "rstrip"));
    if (!by_id.emplace(token.id, vocabulary.added.size()).second)
      return error(ErrorCode::kBadFile, "its added_tokens give id {} twice; remove one of them", token.id);
    vocabulary.added.push_back(std::move(token));
  }
  return by_id;
}

Result<void> add_tokens(const TokenizerJson& lists, const AddedById& added, Vocabulary& vocabulary) {
  TokenTable& tokens = vocabulary.tokens;
  tokens.reserve(lists.vocab.size() + added.size(), lists.vocab.size() * 8);
  std::string bytes;
  for (size_t index = 0; index < lists.vocab.size(); ++index) {
    const std::string_view text = lists.vocab[index];
    const int64_t id = lists.vocab_ids[index];
    if (id < 0 || id > kMaxTokenId)
      return error(ErrorCode::kBadFile, "its token \"{}\" has id {}; expected 0 to {}",
                   replace_invalid_utf8(text.substr(0, 80)), id, kMaxTokenId);
    bytes.clear();
    const bool is_bytes = append_byte_level(bytes, text);
    std::string_view token = is_bytes ? std::string_view(bytes) : text;
    if (const auto found = added.find(static_cast<TokenId>(id)); found != added.end()) {
      if (vocabulary.added[found->second].text != text)
        return error(ErrorCode::kBadFile, "its id {} is \"{}\" among the added tokens but \"{}\" in model.vocab", id,
                     vocabulary.added[found->second].text.substr(0, 80), text.substr(0, 80));
      token = text;  // an added token is written as it is
    }
    TRY_VOID(tokens.add(static_cast<TokenId>(id), token, is_bytes && token == bytes));
  }
  for (const AddedToken& token : vocabulary.added) {
    if (tokens.contains(token.id)) continue;
    bytes.clear();
    const bool is_written_the_same = append_byte_level(bytes, token.text) && bytes == token.text;
    if (const TokenId other = tokens.find(token.text); is_written_the_same && other != kNoToken)
      return error(ErrorCode::kBadFile, "its token \"{}\" has id {} in model.vocab but {} among the added tokens",
                   token.text.substr(0, 80), other, token.id);
    TRY_VOID(tokens.add(token.id, token.text, false));
  }
  return {};
}

Result<void> read_unknown(const Json& model, Vocabulary& vocabulary) {
  const std::string text = text_of(member(model, "unk_token"));
  if (text.empty()) return {};
  const TokenId id = vocabulary.tokens.find(text);
  if (id == kNoToken)
    return error(ErrorCode::kBadFile, "its unk_token \"{}\" is no token of model.vocab", text.substr(0, 80));
  vocabulary.unknown = id;
  vocabulary.fuse_unknown = is_true(member(model, "fuse_unk"));
  return {};
}

Result<Vocabulary> build(const TokenizerJson& lists, const Json& rest) {
  Vocabulary vocabulary;
  TRY_VOID(check_model(member(rest, "model")));
  for (const Json* normalizer : parts_of(member(rest, "normalizer"), "normalizers"))
    return unsupported("normalizer", quoted(type_of(*normalizer)), "text that is taken as it is");
  vocabulary.split = TRY(read_pre_tokenizer(member(rest, "pre_tokenizer")));
  TRY_VOID(check_decoder(member(rest, "decoder")));
  const AddedById added = TRY(read_added_tokens(member(rest, "added_tokens"), vocabulary));
  TRY_VOID(add_tokens(lists, added, vocabulary));
  TRY_VOID(read_unknown(member(rest, "model"), vocabulary));
  MergeReader reader(vocabulary.tokens);
  vocabulary.merges.reserve(lists.merge_sides.size() / 2);
  for (size_t side = 0; side < lists.merge_sides.size(); side += 2)
    vocabulary.merges.push_back(TRY(reader.read(lists.merge_sides[side], lists.merge_sides[side + 1])));
  vocabulary.whole_pieces_first = is_true(member(member(rest, "model"), "ignore_merges"));
  TRY_VOID(read_post_processor(member(rest, "post_processor"), vocabulary));
  TRY_VOID(name_unnamed_llama4_tokens(vocabulary));
  keep_special_out_of_text(vocabulary);
  add_known_stops(vocabulary);
  return vocabulary;
}

}  // namespace

Result<Vocabulary> vocabulary_from_json(std::string_view file, std::string_view source) {
  Json rest;
  const TokenizerJson lists = TRY(parse_tokenizer_json(file, source, rest));
  auto vocabulary = build(lists, rest);
  if (!vocabulary) return error(vocabulary.error().code, "{}: {}", source, vocabulary.error().message);
  return vocabulary;
}

}  // namespace paddock::text
