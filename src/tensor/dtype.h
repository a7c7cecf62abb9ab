// SPDX-License-Identifier: Apache-2.0
#pragma once
// How numbers are stored: plain floats and integers, and GGUF's block formats.

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace paddock::tensor {

enum class DType : uint8_t {
  kF32, kF16, kBF16, kF64, kF8E4M3,
  kI8, kI16, kI32, kI64, kU8, kBool,
  kQ4_0, kQ4_1, kQ5_0, kQ5_1, kQ8_0,
  kQ2_K, kQ3_K, kQ4_K, kQ5_K, kQ6_K,
  kIQ1_S, kIQ1_M, kIQ2_XXS, kIQ2_XS, kIQ2_S, kIQ3_XXS, kIQ3_S, kIQ4_NL, kIQ4_XS,
  kTQ1_0, kTQ2_0, kMXFP4,
};

// A block is the smallest piece of a row that can be decoded: `values` numbers in `bytes` bytes. Plain types: one value.
struct DTypeInfo {
  std::string_view name;  // as in GGUF and safetensors: "Q4_K", "BF16", "F8_E4M3"
  int values;
  int bytes;
};

const DTypeInfo& info(DType dtype);
inline std::string_view name(DType dtype) { return info(dtype).name; }
inline bool is_block_format(DType dtype) { return info(dtype).values > 1; }

// Whether decode_row (decode.h) turns it into float32: everything a weight may be stored as.
bool is_decodable(DType dtype);

// Bytes of `count` values; `count` must be a multiple of the block. The caller has checked that it does not overflow.
inline size_t row_bytes(DType dtype, int64_t count) {
  return static_cast<size_t>(count / info(dtype).values) * static_cast<size_t>(info(dtype).bytes);
}

}  // namespace paddock::tensor
