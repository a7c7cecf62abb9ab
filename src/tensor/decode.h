// SPDX-License-Identifier: Apache-2.0
#pragma once
// Stored numbers to float32, one plain decoder for each format: the definition that every fast path is held to.

#include <cstddef>
#include <cstdint>

#include "tensor/dtype.h"

namespace paddock::tensor {

// values[0 .. count) = the numbers stored at `bytes`, exactly as the format defines them in float32 arithmetic.
// `count` is a multiple of the format's block; `bytes` holds row_bytes(dtype, count) and may be unaligned.
// The dtype must satisfy is_decodable().
void decode_row(DType dtype, const std::byte* bytes, float* values, int64_t count);

}  // namespace paddock::tensor
