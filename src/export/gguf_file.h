// SPDX-License-Identifier: Apache-2.0
#pragma once
// A model to one GGUF file that Paddock and llama.cpp load.

#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "checkpoint/gguf_metadata.h"
#include "export/gguf_plan.h"
#include "export/row_encoder.h"

namespace paddock::exporting {

// Hears of each tensor that has been written.
using Written = std::function<void(const checkpoint::PlannedTensor&)>;

// Writes the file whole or not at all. `about` goes before what the configuration says: the model's name, its
// tokenizer. Refuses what GGUF has no words for. Memory: one piece of a parameter, twice.
Result<void> write_gguf_file(const std::filesystem::path& path, const ModelSource& source,
                             std::span<const GgufTensor> plan, tensor::DType type,
                             std::vector<checkpoint::GgufPair> about, RowEncoder* encoder, const Written& written);

}  // namespace paddock::exporting
