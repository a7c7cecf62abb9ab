// SPDX-License-Identifier: Apache-2.0
#pragma once
// The last steps of a product: an output's scale, and where its sum goes.

#include "kernels/contracts/memory.h"
#include "kernels/host/host_memory.h"
#include "tensor/decode.h"

namespace paddock::kernels {

// Of one output of a weight matrix; 1 where the matrix has none.
inline float scale_of(const Matrix& weights, int64_t output) {
  if (weights.scales.is_null()) return 1.0f;
  float scale = 0;
  const int64_t index = weights.scale_count == 1 ? 0 : output;
  tensor::decode_row(weights.scale_dtype,
                     HostMemory::bytes(weights.scales) + tensor::row_bytes(weights.scale_dtype, index), &scale, 1);
  return scale;
}

inline void store(float value, float* y, bool add) { *y = add ? *y + value : value; }

}  // namespace paddock::kernels
