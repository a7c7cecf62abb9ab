// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a checkpoint says about conversations: its chat templates and the tokens that they print.

#include <filesystem>
#include <map>
#include <string>

#include "base/result.h"

namespace paddock::text {

struct ChatSource {
  std::map<std::string, std::string>
      templates;  // by name: "default", and "tool_use" for requests with tools; may be empty
  std::map<std::string, std::string> tokens;  // by the name of the template's variable: bos_token, eos_token, …
};

// Reads a folder as Hugging Face writes it. Templates: chat_template.jinja and additional_chat_templates/NAME.jinja,
// else chat_template.json, else "chat_template" of tokenizer_config.json. Tokens: the *_token entries and
// extra_special_tokens of tokenizer_config.json, and of special_tokens_map.json what that lacks. Files may be missing.
// A GGUF file keeps the same in its metadata; who reads that fills a ChatSource.
Result<ChatSource> load_chat_source(const std::filesystem::path& folder);

}  // namespace paddock::text
