// SPDX-License-Identifier: Apache-2.0
#pragma once
// Text to token ids and back: byte-level BPE.

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/added_tokens.h"
#include "text/merge_table.h"
#include "text/piece_memory.h"
#include "text/rendered.h"
#include "text/split.h"
#include "text/token_table.h"
#include "text/vocabulary.h"

namespace paddock::text {

// Whether the text of a special token in plain text becomes that token. Never kAll for text from a user.
enum class Specials { kNone, kAll };

// What decoding makes of special tokens.
enum class SpecialText { kShow, kSkip };

// Movable. Const methods may be called by any thread.
class Tokenizer {
 public:
  // Refuses a vocabulary that is not whole: ids without bytes, merges of unknown tokens, a pattern that cannot be
  // compiled.
  static Result<Tokenizer> create(Vocabulary vocabulary);

  // Ill-formed UTF-8 is read as U+FFFD, one for each maximal ill-formed part. bos is not added.
  std::vector<TokenId> encode(std::string_view text, Specials specials) const;

  // A special token is recognised only where its whole text was written by the template (neighbouring spans of the
  // template count as joined); everything between two special tokens is encoded together, wherever it came from.
  std::vector<TokenId> encode(const RenderedText& rendered) const;

  // The text of `ids`, ill-formed parts as U+FFFD; an id without a token is empty.
  std::string decode(std::span<const TokenId> ids, SpecialText special_text) const;
  // The same without repair: a part of a character may stand at the ends.
  std::string decode_bytes(std::span<const TokenId> ids, SpecialText special_text) const;

  // Empty for an id without a token, as models have more rows than their tokenizer has names.
  std::string_view token_bytes(TokenId id) const { return tokens_.bytes(id); }
  TokenId vocab_size() const { return tokens_.size(); }  // one more than the highest id
  bool is_special(TokenId id) const {
    return id >= 0 && static_cast<size_t>(id) < is_special_.size() && is_special_[static_cast<size_t>(id)];
  }
  // nullopt where no special token has this name.
  std::optional<TokenId> id_of_special(std::string_view name) const;

  std::optional<TokenId> bos() const { return bos_; }
  bool add_bos() const { return add_bos_; }  // whether a prompt that is plain text begins with bos
  std::optional<TokenId> pad() const { return pad_; }
  std::span<const TokenId> stop() const { return stop_; }  // tokens that end a message or a text

 private:
  explicit Tokenizer(Splitter splitter, Vocabulary&& vocabulary);

  std::vector<TokenId> encode(std::string_view text, const std::vector<TextRange>& trusted) const;
  void encode_plain(std::string_view text, PieceMemory& memory, std::vector<TokenId>& ids) const;
  void encode_piece(std::string_view piece, PieceMemory& memory, std::vector<TokenId>& ids) const;
  void merge_piece(std::string_view piece, std::vector<TokenId>& ids) const;

  TokenTable tokens_;
  MergeTable merges_;
  AddedTokens added_;
  Splitter splitter_;
  std::vector<bool> is_special_;          // by id
  std::array<TokenId, 256> byte_tokens_;  // kNoToken where a byte has none
  bool whole_pieces_first_;
  bool cut_long_runs_;
  std::optional<TokenId> unknown_;
  bool fuse_unknown_;
  std::optional<TokenId> bos_;
  bool add_bos_;
  std::optional<TokenId> pad_;
  std::vector<TokenId> stop_;
};

}  // namespace paddock::text
