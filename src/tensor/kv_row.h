// SPDX-License-Identifier: Apache-2.0
#pragma once
// How a cache stores one key or value: a head's `width` numbers as F32, F16, BF16, Q8_0 or Q4_1. The last two are
// GGUF's blocks of 32 (blocks.h) along the width. When 32 does not divide it, the last block ends with its last number:
//   Q8_0  scale, one byte for each number
//   Q4_1  scale, minimum, a byte for each of the first sixteen numbers; number i + 16 is the high nibble of byte i
// Numbers that the last block lacks count as its first.

#include <cstddef>
#include <cstdint>
#include <string>

#include "tensor/dtype.h"

namespace paddock::tensor {

inline constexpr int64_t kKvBlock = 32;

// Formats that the functions below take.
bool is_kv_format(DType dtype);

size_t kv_row_bytes(DType dtype, int64_t width);

// values[0 .. width) = the numbers stored at `bytes`, exactly.
void decode_kv_row(DType dtype, const std::byte* bytes, float* values, int64_t width);

// Rounds to nearest, ties to even. Of a block of numbers x,
//   Q8_0  scale = half(max |x| / 127),        q = clamp(round(x / scale), -127, 127)
//   Q4_1  minimum = half(min x), scale = half((max x - min x) / 15),  q = clamp(round((x - minimum) / scale), 0, 15)
// where dividing is multiplying by float32's 1 / scale, and q = 0 where scale = 0. A block with a number that is not
// finite, or whose scale or minimum is beyond float16, is stored as scale NaN, q = 0 and minimum 0: it decodes to NaN,
// because an answer that depends on it must end as an error.
void encode_kv_row(DType dtype, const float* values, std::byte* bytes, int64_t width);

// The formats of a cache. Keys decide which positions are seen and suffer more from coarse steps than values, which are
// averaged.
struct KvFormat {
  DType keys = DType::kF32;
  DType values = DType::kF32;

  KvFormat() = default;
  KvFormat(DType both) : keys(both), values(both) {}  // NOLINT: one format is a pair of equal ones
  KvFormat(DType of_keys, DType of_values) : keys(of_keys), values(of_values) {}

  std::string name() const;  // "F16", "Q8_0/Q4_1"
  // Of one position in one head, key and value.
  size_t position_bytes(int64_t width) const { return kv_row_bytes(keys, width) + kv_row_bytes(values, width); }
};

}  // namespace paddock::tensor
