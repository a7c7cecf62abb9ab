// SPDX-License-Identifier: Apache-2.0
#pragma once
// Metadata and named tensors to a GGUF file.

#include <filesystem>
#include <span>

#include "base/result.h"
#include "checkpoint/gguf_metadata.h"
#include "checkpoint/tensor_to_write.h"

namespace paddock::checkpoint {

// Writes the file, of version 3, whole or not at all, pairs and tensors in the order given. A pair's width says how its
// numbers are stored; where there is none, integers take 32 bits if they fit, else 64, and floats 32 bits if that is
// exact, else 64. The pair general.alignment, if there is one, is obeyed. Refuses a width that the value does not fit,
// keys and names that occur twice, shapes of other than 1 to 4 extents, and arrays of arrays.
Result<void> write_gguf(const std::filesystem::path& path, std::span<const GgufPair> metadata,
                        std::span<const TensorToWrite> tensors);

// The same with bytes that are made on the way.
Result<void> write_gguf(const std::filesystem::path& path, std::span<const GgufPair> metadata,
                        std::span<const PlannedTensor> tensors, const MakeBytes& make);

}  // namespace paddock::checkpoint
