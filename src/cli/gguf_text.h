// SPDX-License-Identifier: Apache-2.0
#pragma once
// From the metadata of a GGUF file to what the text folder wants to know: neither knows the other.

#include <optional>
#include <string>

#include "base/result.h"
#include "checkpoint/gguf_metadata.h"
#include "text/chat_source.h"
#include "text/vocabulary_gguf.h"

namespace paddock::cli {

// Views the metadata. Missing where the file has no tokenizer; a key of another type than it should have is an error.
Result<std::optional<text::GgufVocabulary>> gguf_vocabulary(const checkpoint::GgufMetadata& metadata,
                                                            const std::string& source);

// The chat templates, and the texts of the begin and end tokens that they print.
Result<text::ChatSource> gguf_chat_source(const checkpoint::GgufMetadata& metadata,
                                          const text::GgufVocabulary& vocabulary, const std::string& source);

}  // namespace paddock::cli
