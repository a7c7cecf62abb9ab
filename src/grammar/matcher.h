// SPDX-License-Identifier: Apache-2.0
#pragma once
// How far a text has come in its grammar, and which tokens may come next.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "grammar/grammar.h"
#include "grammar/stack_machine.h"
#include "grammar/vocabulary.h"

namespace paddock::grammar {

// Copying is cheap (some hundred bytes), for several answers to one prompt and for speculation. Const methods of one
// matcher may not be called by several threads at once with non-const ones; different matchers are independent.
class Matcher {
 public:
  Matcher(std::shared_ptr<const Grammar> grammar, std::shared_ptr<const MaskVocabulary> vocabulary);

  // Sets bit id % 32 of bits[id / 32] for each token that may come next and clears all others. `bits` has
  // vocabulary.mask_words() words or more. Stop tokens are allowed exactly when the text so far is complete. Whether
  // any token is allowed: none is where the vocabulary has no token for what must come, or after a stop token.
  bool fill_mask(std::span<uint32_t> bits) const;
  // The same token by token and byte by byte: what fill_mask is tested against.
  bool fill_mask_slowly(std::span<uint32_t> bits) const;

  // False where the token is not allowed: then nothing changes.
  bool accept(TokenId token);
  bool accept_text(std::string_view bytes);  // in place of tokens

  bool is_complete() const { return is_complete_ && !is_stopped_; }  // the text may end here
  bool is_stopped() const { return is_stopped_; }                    // a stop token was accepted
  bool can_continue() const;                                         // the text may go on
  // The bytes that must come next, as far as there is no choice and the text may not end; at most `limit`.
  std::string forced_text(size_t limit) const;

 private:
  void keep_level(const StackMachine& machine);
  void drop_unused_frames();

  std::shared_ptr<const Grammar> grammar_;
  std::shared_ptr<const MaskVocabulary> vocabulary_;
  Stack stack_;
  std::vector<Position> positions_;  // none in a frame that was entered without a byte
  size_t frames_in_use_ = 1;         // when they were last counted
  bool is_complete_ = false;
  bool is_stopped_ = false;
};

}  // namespace paddock::grammar
