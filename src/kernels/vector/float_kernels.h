// SPDX-License-Identifier: Apache-2.0
#pragma once
// The inner loops of float32 products, one table for each width of registers. All keep the order of the reference's
// sums (kernels/reference/sums.h) and never fuse a multiplication with an addition, so that every result has its bits.

#include <cstddef>
#include <cstdint>

#include "tensor/dtype.h"

namespace paddock::kernels {

struct FloatKernels {
  const char* name;
  // tensor::decode_row, of every format that a weight may have.
  void (*decode_row)(tensor::DType dtype, const std::byte* bytes, float* values, int64_t count);
  // sums[row] = the dot product of `weights` [count] and x + row * stride [count], for `rows` rows.
  void (*dot_rows)(const float* weights, const float* x, int64_t stride, int64_t rows, int64_t count, float* sums);
  // sums[i] += row[i] * factor
  void (*add_scaled)(const float* row, float factor, float* sums, int64_t count);
};

// Call only where the processor has the feature.
namespace avx2 {
void decode_row(tensor::DType dtype, const std::byte* bytes, float* values, int64_t count);
extern const FloatKernels kFloatKernels;
}  // namespace avx2
namespace avx512 {
extern const FloatKernels kFloatKernels;
}

}  // namespace paddock::kernels
