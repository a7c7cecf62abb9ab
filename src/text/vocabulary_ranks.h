// SPDX-License-Identifier: Apache-2.0
#pragma once
// Meta's tokenizer.model: one line a token, its bytes in base64 and its rank, which is its id. Special tokens, split
// pattern and everything else are not in the file but in Meta's code.

#include <string_view>

#include "text/vocabulary.h"

namespace paddock::text {

// 128,000 ranks are Llama 3's: its pattern and its 256 special tokens. Any other number is taken as Llama 4's: o200k
// and its 2048. `source` names the file in errors.
Result<Vocabulary> vocabulary_from_ranks(std::string_view file, std::string_view source);

}  // namespace paddock::text
