// SPDX-License-Identifier: Apache-2.0
#pragma once
// What lies in a model's folder beside weights and configuration.

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "export/json_tokenizer.h"

namespace paddock::exporting {

// Copies tokenizer, chat templates, generation and picture settings and licences where `from` has them; returns their
// names.
Result<std::vector<std::string>> copy_side_files(const std::filesystem::path& from, const std::filesystem::path& to);

// tokenizer.json, tokenizer_config.json, generation_config.json.
Result<std::vector<std::string>> write_tokenizer_files(const JsonTokenizer& tokenizer, const std::filesystem::path& to);

}  // namespace paddock::exporting
