// SPDX-License-Identifier: Apache-2.0
#pragma once
// Hugging Face's tokenizer.json.

#include <string_view>

#include "text/vocabulary.h"

namespace paddock::text {

// Byte-level BPE without normaliser. Whatever else the file asks for is refused by name. `source` names the file in
// errors.
Result<Vocabulary> vocabulary_from_json(std::string_view file, std::string_view source);

}  // namespace paddock::text
