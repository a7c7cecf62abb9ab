// SPDX-License-Identifier: Apache-2.0
#pragma once
// Examples to tokens, by the tokenizer and the template that serving uses.

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"
#include "train/data/dataset_line.h"
#include "train/data/document.h"

namespace paddock::train {

class ExampleTokeniser {
 public:
  // Tokenizer and template outlive it; `stop` are the tokens that end what a model says.
  ExampleTokeniser(const text::Tokenizer* tokenizer, const text::ChatTemplate* chat, std::vector<text::TokenId> stop);

  // Begins with bos where the tokenizer adds one and ends with the token that ends texts. Special tokens are not
  // recognised in it: it comes from outside.
  Document text(const TextExample& example) const;

  // The conversation as it is served. Learned is what the assistant says and the token that ends its turn, not its
  // header: what serving stops to hear.
  Result<Document> chat(const ChatExample& example) const;

  // What an answer to it follows.
  Result<std::vector<int32_t>> question(const std::string& text) const;

  // Of the vocabulary and of what the template makes of a conversation: another digest, other tokens.
  std::string fingerprint() const;

 private:
  const text::Tokenizer& tokenizer_;
  const text::ChatTemplate& chat_;
  std::vector<text::TokenId> stop_;
  text::TokenId end_of_text_;
};

}  // namespace paddock::train
