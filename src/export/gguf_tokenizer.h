// SPDX-License-Identifier: Apache-2.0
#pragma once
// A tokenizer.json as the metadata of a GGUF file.

#include <deque>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "checkpoint/gguf_metadata.h"
#include "llama4/config.h"
#include "text/chat_source.h"

namespace paddock::exporting {

struct GgufTokenizer {
  std::vector<checkpoint::GgufPair> pairs;
  std::shared_ptr<const std::deque<std::string>> texts;  // that the pairs' arrays view
};

// `file` is a tokenizer.json of byte-level BPE. Each of the configuration's rows has a token in the result: those that
// the file does not name are there as unused. Refuses split patterns that GGUF has no name for, and ids beyond the
// rows.
Result<GgufTokenizer> gguf_tokenizer(const std::filesystem::path& file, const llama4::Config& config,
                                     const text::ChatSource& chat);

// For a model without a tokenizer: what llama.cpp wants to be told then.
GgufTokenizer no_tokenizer();

}  // namespace paddock::exporting
