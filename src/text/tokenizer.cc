// SPDX-License-Identifier: Apache-2.0
#include "text/tokenizer.h"

#include <algorithm>

#include "base/utf8.h"
#include "text/long_runs.h"

namespace paddock::text {
namespace {

Result<void> check_vocabulary(const Vocabulary& vocabulary) {
  if (vocabulary.merges.size() > kMaxMerges)
    return error(ErrorCode::kLimit, "the tokenizer has {} merges; expected at most {}", vocabulary.merges.size(),
                 kMaxMerges);
  const auto check = [&](TokenId id, std::string_view role) -> Result<void> {
    if (vocabulary.tokens.contains(id)) return {};
    return error(ErrorCode::kBadFile, "the tokenizer names token {} as {}, but has no such token", id, role);
  };
  for (const Merge& merge : vocabulary.merges) {
    TRY_VOID(check(merge.left, "part of a merge"));
    TRY_VOID(check(merge.right, "part of a merge"));
    TRY_VOID(check(merge.result, "the result of a merge"));
  }
  for (const AddedToken& token : vocabulary.added) TRY_VOID(check(token.id, "an added token"));
  for (const TokenId id : vocabulary.unnamed) TRY_VOID(check(id, "a special token"));
  for (const TokenId id : vocabulary.stop) TRY_VOID(check(id, "an end of text"));
  if (vocabulary.bos) TRY_VOID(check(*vocabulary.bos, "the beginning of text"));
  if (vocabulary.pad) TRY_VOID(check(*vocabulary.pad, "padding"));
  if (vocabulary.unknown) TRY_VOID(check(*vocabulary.unknown, "the unknown token"));
  if (vocabulary.add_bos && !vocabulary.bos)
    return error(
        ErrorCode::kBadFile,
        "the tokenizer asks for a beginning-of-text token before prompts, but names none; name one or turn it off");
  return {};
}

}  // namespace

Result<Tokenizer> Tokenizer::create(Vocabulary vocabulary) {
  TRY_VOID(check_vocabulary(vocabulary));
  Splitter splitter = TRY(Splitter::create(vocabulary.split));
  return Tokenizer(std::move(splitter), std::move(vocabulary));
}

Tokenizer::Tokenizer(Splitter splitter, Vocabulary&& vocabulary)
    : tokens_(std::move(vocabulary.tokens)),
      merges_(vocabulary.merges),
      added_(vocabulary.added),
      splitter_(std::move(splitter)),
      is_special_(static_cast<size_t>(tokens_.size())),
      whole_pieces_first_(vocabulary.whole_pieces_first),
      cut_long_runs_(vocabulary.cut_long_runs),
      unknown_(vocabulary.unknown),
      fuse_unknown_(vocabulary.fuse_unknown),
      bos_(vocabulary.bos),
      add_bos_(vocabulary.add_bos),
      pad_(vocabulary.pad),
      stop_(std::move(vocabulary.stop)) {
  for (const TokenId id : vocabulary.unnamed) is_special_[static_cast<size_t>(id)] = true;
  for (const AddedToken& token : vocabulary.added)
    if (token.special) is_special_[static_cast<size_t>(token.id)] = true;
  for (size_t byte = 0; byte < byte_tokens_.size(); ++byte) {
    const char text = static_cast<char>(byte);
    byte_tokens_[byte] = tokens_.find({&text, 1});
  }
}

std::vector<TokenId> Tokenizer::encode(std::string_view text, Specials specials) const {
  std::string repaired;
  if (!is_valid_utf8(text)) text = repaired = replace_invalid_utf8(text);
  std::vector<TextRange> trusted;
  if (specials == Specials::kAll) trusted.push_back({0, text.size()});
  return encode(text, trusted);
}

std::vector<TokenId> Tokenizer::encode(const RenderedText& rendered) const {
  std::string text;
  std::vector<TextRange> trusted;
  std::string joined;  // neighbouring spans of one origin, so that a character cut between them is whole again
  bool from_template = false;
  const auto finish = [&] {
    const size_t begin = text.size();
    text += replace_invalid_utf8(joined);
    joined.clear();
    if (from_template && text.size() > begin) trusted.push_back({begin, text.size()});
  };
  for (const RenderedSpan& span : rendered) {
    if (span.text.empty()) continue;
    if (span.from_template != from_template) finish();
    from_template = span.from_template;
    joined += span.text;
  }
  finish();
  return encode(text, trusted);
}

std::vector<TokenId> Tokenizer::encode(std::string_view text, const std::vector<TextRange>& trusted) const {
  std::vector<TokenId> ids;
  ids.reserve(text.size() / 3);
  PieceMemory memory(text);
  size_t done = 0;
  for (const AddedTokens::Match& match : added_.matches(text, trusted)) {
    encode_plain(text.substr(done, match.range.begin - done), memory, ids);
    ids.push_back(match.token->id);
    done = match.range.end;
  }
  encode_plain(text.substr(done), memory, ids);
  return ids;
}

void Tokenizer::encode_plain(std::string_view text, PieceMemory& memory, std::vector<TokenId>& ids) const {
  const auto encode_part = [&](std::string_view part) {
    splitter_.split(part, [&](std::string_view piece) { encode_piece(piece, memory, ids); });
  };
  if (cut_long_runs_)
    cut_long_runs(text, encode_part);
  else
    encode_part(text);
}

void Tokenizer::encode_piece(std::string_view piece, PieceMemory& memory, std::vector<TokenId>& ids) const {
  if (whole_pieces_first_) {
    if (const TokenId whole = tokens_.find(piece); whole != kNoToken) return ids.push_back(whole);
  }
  const size_t begin = ids.size();
  if (const PieceMemory::Ids known = memory.recall(piece); known.count > 0) {
    ids.resize(begin + known.count);
    std::copy_n(ids.begin() + static_cast<ptrdiff_t>(known.begin), known.count,
                ids.end() - static_cast<ptrdiff_t>(known.count));
    return;
  }
  merge_piece(piece, ids);
  memory.remember(piece, {begin, ids.size() - begin});
}

void Tokenizer::merge_piece(std::string_view piece, std::vector<TokenId>& ids) const {
  const size_t begin = ids.size();
  bool last_is_unknown = false;
  for (const char byte : piece) {
    const TokenId token = byte_tokens_[static_cast<unsigned char>(byte)];
    if (token != kNoToken)
      ids.push_back(token);
    else if (unknown_ && !(fuse_unknown_ && last_is_unknown))
      ids.push_back(*unknown_);
    last_is_unknown = token == kNoToken;
  }
  const size_t merged = merges_.apply(std::span(ids).subspan(begin));
  ids.resize(begin + merged);
}

std::string Tokenizer::decode(std::span<const TokenId> ids, SpecialText special_text) const {
  return replace_invalid_utf8(decode_bytes(ids, special_text));
}

std::string Tokenizer::decode_bytes(std::span<const TokenId> ids, SpecialText special_text) const {
  std::string bytes;
  for (const TokenId id : ids)
    if (special_text == SpecialText::kShow || !is_special(id)) bytes += token_bytes(id);
  return bytes;
}

std::optional<TokenId> Tokenizer::id_of_special(std::string_view name) const {
  const AddedToken* token = added_.find(name);
  if (token == nullptr || !token->special) return std::nullopt;
  return token->id;
}

}  // namespace paddock::text
