// SPDX-License-Identifier: Apache-2.0
#pragma once
// The tokenizer of a checkpoint on disk.

#include <filesystem>

#include "text/tokenizer.h"

namespace paddock::text {

// `path`: a folder that holds tokenizer.json or tokenizer.model (the first counts where both are there), or one of
// these files under any name. tokenizer_config.json is read where it lies beside a tokenizer.json. A GGUF file's
// tokenizer comes from its metadata instead: vocabulary_gguf.h.
Result<Vocabulary> load_vocabulary(const std::filesystem::path& path);
Result<Tokenizer> load_tokenizer(const std::filesystem::path& path);

}  // namespace paddock::text
