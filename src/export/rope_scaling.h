// SPDX-License-Identifier: Apache-2.0
#pragma once
// llama3's scaling told from the frequencies that it made.

#include <optional>

#include "base/result.h"
#include "llama4/config.h"

namespace paddock::exporting {

// What config.json has to say: none where the frequencies are those of the base. A GGUF file keeps divisors alone, and
// many settings make the same ones; any of them is given. An error where none does. `source` is named in it.
Result<std::optional<llama4::Llama3Scaling>> rope_scaling_of(const llama4::Config& config, const std::string& source);

}  // namespace paddock::exporting
