// SPDX-License-Identifier: Apache-2.0
#pragma once
// Weights of a block format as small integers with scales: the form that every fast product starts from.
//   value[i] = scale[i / group] * quant[i]                       or, where the format has offsets,
//   value[i] = scale[i / group] * quant[i] + offset[i / group]
// Evaluated in float32, a rounding after the product and one after the sum, this is tensor::decode_row to the bit.

#include <cstddef>
#include <cstdint>

#include "tensor/dtype.h"

namespace paddock::kernels {

struct Unpacker {
  int group = 32;        // values that share a scale: 16 or 32
  bool offsets = false;  // otherwise none are written
  // Unpacks `count` values, a multiple of the format's block, from `blocks`, which may be unaligned; nothing outside of
  // them is read. quants[count]; the scale of group g goes to scales[g * stride], its offset to offsets[g * stride].
  void (*unpack)(const std::byte* blocks, int64_t count, int8_t* quants, float* scales, float* offsets, int64_t stride);
};

// Null where the format is not made of blocks. Call what it returns only where the processor has the feature.
namespace avx2 {
const Unpacker* unpacker(tensor::DType dtype);
}

}  // namespace paddock::kernels
