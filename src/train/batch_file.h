// SPDX-License-Identifier: Apache-2.0
#pragma once
// A batch as a safetensors file: tokens, targets, positions and document, integers of one shape [rows, length].

#include <filesystem>

#include "base/result.h"
#include "train/batch.h"

namespace paddock::train {

// Checked against the vocabulary. Without positions or document each row is one document.
Result<Batch> read_batch(const std::filesystem::path& path, int64_t vocabulary);

// What read_batch reads.
Result<void> write_batch(const std::filesystem::path& path, const Batch& batch);

}  // namespace paddock::train
