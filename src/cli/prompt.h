// SPDX-License-Identifier: Apache-2.0
#pragma once
// Plain text to the ids that a model is given.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/model_text.h"

namespace CLI {
class App;
}

namespace paddock::cli {

struct PromptOptions {
  bool special = false;  // the text of a special token becomes that token
  bool no_bos = false;   // the tokenizer's begin-of-text token is not put first
};

void add_prompt_options(CLI::App& command, PromptOptions* options);
// --special none|all alone.
void add_special_option(CLI::App& command, bool* special);

// Begins with bos where the tokenizer says so, unless the text itself does or the options forbid it. `model` is named
// in the error where there is no tokenizer.
Result<std::vector<int32_t>> encode_prompt(const ModelText& text, const std::string& model, std::string_view prompt,
                                           const PromptOptions& options);

}  // namespace paddock::cli
