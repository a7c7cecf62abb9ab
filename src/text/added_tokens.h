// SPDX-License-Identifier: Apache-2.0
#pragma once
// Tokens that are found in text before it is split: special tokens, which only trusted text may hold, and added words.

#include <bitset>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/token_table.h"

namespace paddock::text {

struct AddedToken {
  TokenId id = kNoToken;
  std::string text = {};
  bool special = true;             // only trusted text may hold it; false: it is found in any text
  bool after_others = false;       // looked for only in what the others leave (HF: "normalized")
  bool takes_space_left = false;   // it swallows the whitespace before it (HF: "lstrip")
  bool takes_space_right = false;  // and after it (HF: "rstrip")
};

// A part of a text, in bytes.
struct TextRange {
  size_t begin = 0;
  size_t end = 0;
};

// Const methods may be called by any thread.
class AddedTokens {
 public:
  // Those whose text is empty or ill-formed are left out: no text holds them.
  explicit AddedTokens(std::vector<AddedToken> tokens);

  const AddedToken* find(std::string_view text) const;
  bool has_special() const { return has_special_; }
  bool has_words() const { return has_words_; }  // tokens that are not special

  struct Match {
    TextRange range;
    const AddedToken* token;
  };
  // Every token in `text`, leftmost first and the longest at a place, without overlap. Special ones are found only
  // where their whole text lies inside one of the ranges `trusted`, which are sorted and do not touch.
  std::vector<Match> matches(std::string_view text, const std::vector<TextRange>& trusted) const;

 private:
  void find_in(std::string_view text, TextRange range, bool after_others, const std::vector<TextRange>& trusted,
               std::vector<Match>& found) const;
  const AddedToken* longest_at(std::string_view text, size_t position, bool after_others, size_t trusted_end) const;

  std::vector<AddedToken> tokens_;  // sorted by text
  std::bitset<256> first_bytes_;    // of any token
  bool has_special_ = false;
  bool has_words_ = false;
  bool has_after_others_ = false;
};

}  // namespace paddock::text
