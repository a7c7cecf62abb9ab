// SPDX-License-Identifier: Apache-2.0
#pragma once
// A tensor in host memory that somebody else owns.

#include <cstddef>
#include <span>

#include "tensor/dtype.h"
#include "tensor/shape.h"

namespace paddock::tensor {

// A cheap, typed look at bytes: valid as long as their owner (a mapped file, a vector) lives.
struct TensorView {
  DType dtype = DType::kF32;
  Shape shape;                       // outermost first; the last axis holds whole blocks
  std::span<const std::byte> bytes;  // exactly row_bytes(dtype, last) * product of the others

  int64_t values() const { return count(shape); }
};

}  // namespace paddock::tensor
