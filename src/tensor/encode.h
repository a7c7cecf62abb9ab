// SPDX-License-Identifier: Apache-2.0
#pragma once
// float32 to stored numbers: what a file is written with. The mirror of decode.h.

#include <cstddef>
#include <cstdint>

#include "tensor/dtype.h"

namespace paddock::tensor {

// F32, F16, BF16, and Q8_0, Q5_1, Q5_0, Q4_1, Q4_0, Q6_K, Q5_K, Q4_K, Q3_K, Q2_K.
bool is_encodable(DType dtype);

// Numbers of greater magnitude cannot be stored: a half, or a block's scale, would become infinite.
float largest_encodable(DType dtype);

// Writes row_bytes(dtype, count) bytes at any address. `count` is a multiple of the format's block; numbers are finite
// and within largest_encodable(). Plain floats are rounded to nearest, ties to even. Blocks are chosen for a small
// squared error of what decode_row makes of them: scales are searched, and quants are rounded against the scales as
// stored. The same numbers give the same bytes on every machine.
void encode_row(DType dtype, const float* values, std::byte* bytes, int64_t count);

}  // namespace paddock::tensor
