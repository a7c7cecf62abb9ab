// SPDX-License-Identifier: Apache-2.0
#include "cli/prompt.h"

#include <CLI/CLI.hpp>

namespace paddock::cli {

void add_special_option(CLI::App& command, bool* special) {
  command
      .add_option_function<std::string>(
          "--special", [special](const std::string& which) { *special = which == "all"; },
          "whether the text of a special token becomes that token: none or all")
      ->check(CLI::IsMember({"none", "all"}))
      ->default_str("none");
}

void add_prompt_options(CLI::App& command, PromptOptions* options) {
  add_special_option(command, &options->special);
  command.add_flag("--no-bos", options->no_bos, "do not begin with the begin-of-text token of the tokenizer");
}

Result<std::vector<int32_t>> encode_prompt(const ModelText& text, const std::string& model, std::string_view prompt,
                                           const PromptOptions& options) {
  const text::Tokenizer* tokenizer = TRY(require_tokenizer(text, model));
  std::vector<int32_t> ids = tokenizer->encode(prompt, options.special ? text::Specials::kAll : text::Specials::kNone);
  const auto bos = tokenizer->bos();
  const bool begins_with_bos = bos && !ids.empty() && ids.front() == *bos;
  if (bos && tokenizer->add_bos() && !options.no_bos && !begins_with_bos) ids.insert(ids.begin(), *bos);
  return ids;
}

}  // namespace paddock::cli
