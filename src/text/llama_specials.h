// SPDX-License-Identifier: Apache-2.0
#pragma once
// The names of Llama's special tokens, which Meta's tokenizer.model does not carry.

#include <string>
#include <vector>

#include "text/vocabulary.h"

namespace paddock::text {

constexpr TokenId kLlama4Ranks = 200'000;
constexpr TokenId kLlama3Ranks = 128'000;

// In the order of their ids, the first right after the last rank.
std::vector<std::string> llama4_special_names();  // 2048
std::vector<std::string> llama3_special_names();  // 256

// Converted Llama 4 checkpoints name only a part of the special tokens, but the model has rows for all. Where
// `vocabulary` is Llama 4's, the ids without a token get Meta's name for decoding; text is not searched for them.
Result<void> name_unnamed_llama4_tokens(Vocabulary& vocabulary);

}  // namespace paddock::text
