// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a tokenizer is made of, whatever file it comes from: tokenizer.json (vocabulary_json.h), Meta's tokenizer.model
// (vocabulary_ranks.h) or the metadata of a GGUF file (vocabulary_gguf.h).

#include <optional>
#include <string_view>
#include <vector>

#include "text/added_tokens.h"
#include "text/merge_table.h"
#include "text/split.h"
#include "text/token_table.h"

namespace paddock::text {

struct Vocabulary {
  TokenTable tokens;  // every id; findable are those that plain text may become
  std::vector<Merge> merges;
  std::vector<AddedToken> added;  // special tokens and added words; their bytes stand in `tokens` too
  std::vector<TokenId> unnamed;   // special ids that exist without being looked for in text
  std::vector<SplitStep> split;
  bool whole_pieces_first =
      false;                   // a piece that is a token is that token, whatever its merges say (HF: "ignore_merges")
  bool cut_long_runs = false;  // as Meta's tokenizer does (long_runs.h)

  std::optional<TokenId> unknown;  // stands for bytes that have no token; without it they are dropped
  bool fuse_unknown = false;       // one for several such bytes in a row
  std::optional<TokenId> bos;
  bool add_bos = false;  // a prompt that is plain text begins with `bos`; encode() never adds it by itself
  std::optional<TokenId> pad;
  std::vector<TokenId> stop;  // tokens that end a message or a text, sorted
};

// Sorted and complete: `stop`, with the special tokens added that end a turn in the Llama 3, Llama 4 and ChatML
// formats.
void add_known_stops(Vocabulary& vocabulary);

// Once all tokens, merges and added tokens are known: plain text never becomes a special token, neither as a whole
// piece nor by merging.
void keep_special_out_of_text(Vocabulary& vocabulary);

}  // namespace paddock::text
