// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a checkpoint carries beside its weights so that people can talk to it.

#include <filesystem>
#include <optional>
#include <string>

#include "base/result.h"
#include "checkpoint/checkpoint.h"
#include "text/chat_source.h"
#include "text/tokenizer.h"

namespace paddock::cli {

struct ModelText {
  std::optional<text::Tokenizer> tokenizer;  // missing: the checkpoint carries none
  std::string tokenizer_source;              // the file it came from
  int64_t listed_tokens = 0;                 // ids that the file has places for
  bool names_every_row = false;              // the file lists a token for each row of the embedding (GGUF)
  std::filesystem::path folder;              // that tokenizer_config.json and chat_template.jinja may lie in
  text::ChatSource chat;                     // of the metadata of a GGUF file; empty otherwise
};

// Of a checkpoint, a folder, or a file with only a tokenizer: tokenizer.json or tokenizer.model before the metadata of
// a GGUF file. No tokenizer at all is an error.
Result<ModelText> read_model_text(const std::filesystem::path& path);

// The same beside opened weights, where there may be none.
Result<ModelText> read_model_text(const checkpoint::Checkpoint& checkpoint);

// Whether tokenizer and embedding are of one model. A model may have rows without a token, in files that do not list
// every row: Llama 4 has 913 of 202,048.
Result<void> check_vocabulary_size(const ModelText& text, int64_t vocabulary);

// The tokenizer, or an error that says what to do without.
Result<const text::Tokenizer*> require_tokenizer(const ModelText& text, const std::string& model);

}  // namespace paddock::cli
