// SPDX-License-Identifier: Apache-2.0
#pragma once
// Named tensors to a safetensors file.

#include <filesystem>
#include <span>
#include <string>
#include <utility>

#include "base/result.h"
#include "checkpoint/tensor_to_write.h"

namespace paddock::checkpoint {

using TextPairs = std::span<const std::pair<std::string, std::string>>;

// Writes the file whole or not at all. Wider types come first, so that every tensor is aligned to its values; among
// equals the order is kept. Refuses block formats, which safetensors has no names for, and names that are empty or
// occur twice. `metadata` becomes "__metadata__".
Result<void> write_safetensors(const std::filesystem::path& path, std::span<const TensorToWrite> tensors,
                               TextPairs metadata = {});

// The same with bytes that are made on the way; they are asked for in the order in which they are written.
Result<void> write_safetensors(const std::filesystem::path& path, std::span<const PlannedTensor> tensors,
                               const MakeBytes& make, TextPairs metadata = {});

}  // namespace paddock::checkpoint
