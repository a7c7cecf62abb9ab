// SPDX-License-Identifier: Apache-2.0
#pragma once
// tokenizer_config.json: what Hugging Face keeps beside tokenizer.json. The chat template in it is not read here.

#include <optional>
#include <string>
#include <string_view>

#include "text/vocabulary.h"

namespace paddock::text {

struct TokenizerConfig {
  std::optional<std::string> bos_token;
  std::optional<std::string> eos_token;
  std::optional<std::string> pad_token;
  std::optional<bool> add_bos_token;
};

// `source` names the file in errors.
Result<TokenizerConfig> parse_tokenizer_config(std::string_view file, std::string_view source);

// What the file says wins over what `vocabulary` had. A name that is no token of the vocabulary is passed over.
void apply_tokenizer_config(const TokenizerConfig& config, Vocabulary& vocabulary);

}  // namespace paddock::text
