// SPDX-License-Identifier: Apache-2.0
#pragma once
// Token ids to text as they are sampled: a token may hold a part of a character, but what is given out is always whole.

#include <string>

#include "text/tokenizer.h"

namespace paddock::text {

// Bytes in any portions to valid UTF-8: an unfinished character is held back, an ill-formed part becomes U+FFFD as soon
// as it is known to be ill-formed.
class Utf8Stream {
 public:
  std::string push(std::string_view bytes);
  // What was held back, as U+FFFD. The stream is then as new.
  std::string flush();

 private:
  std::string held_;  // at most 3 bytes between calls
};

// The tokenizer must outlive it. For one thread at a time.
class StreamDecoder {
 public:
  StreamDecoder(const Tokenizer& tokenizer, SpecialText special_text)
      : tokenizer_(&tokenizer), special_text_(special_text) {}

  // The text that `id` completes; empty where it ends inside a character.
  std::string push(TokenId id);
  std::string flush() { return stream_.flush(); }

 private:
  const Tokenizer* tokenizer_;
  SpecialText special_text_;
  Utf8Stream stream_;
};

}  // namespace paddock::text
