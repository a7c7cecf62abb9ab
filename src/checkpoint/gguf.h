// SPDX-License-Identifier: Apache-2.0
#pragma once
// One GGUF file: version 2 or 3, little-endian.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "checkpoint/gguf_metadata.h"
#include "checkpoint/named_tensor.h"

namespace paddock::checkpoint {

inline constexpr uint32_t kGgufDefaultAlignment = 32;  // bytes

struct GgufContents {
  GgufMetadata metadata;             // arrays of strings view `bytes`
  std::vector<NamedTensor> tensors;  // in the header's order; views into `bytes`
};

// Checks everything but the tensors' values: every view lies inside `bytes`, aligned as the file says, without overlap,
// and only padding lies between them. `file` is the name that errors begin with.
Result<GgufContents> parse_gguf(std::span<const std::byte> bytes, std::string_view file);

// "GGUF" stands at the start: enough to tell the format, whatever the file is called.
bool has_gguf_magic(std::span<const std::byte> bytes);

// How GGUF numbers tensor types. The number is also one of types that Paddock does not read; those are errors that name
// the type and the tensor.
Result<tensor::DType> dtype_of_gguf(uint32_t number, std::string_view file, std::string_view tensor_name);
Result<uint32_t> gguf_number_of(tensor::DType dtype);

}  // namespace paddock::checkpoint
