// SPDX-License-Identifier: Apache-2.0
#pragma once
// The tokenizer of a GGUF file as the files that Hugging Face's libraries load.

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/result.h"
#include "text/chat_source.h"
#include "text/vocabulary_gguf.h"

namespace paddock::exporting {

struct JsonTokenizer {
  Json tokenizer, tokenizer_config, generation_config;
};

// `source` names the file in errors.
Result<JsonTokenizer> json_tokenizer(const text::GgufVocabulary& vocabulary, const text::ChatSource& chat,
                                     const std::string& source);

}  // namespace paddock::exporting
