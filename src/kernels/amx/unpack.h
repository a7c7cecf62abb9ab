// SPDX-License-Identifier: Apache-2.0
#pragma once
// Stored weights to lines of bf16, rounded to nearest even from what tensor::decode_row gives. Formats of up to five
// bits are looked up: 32 products of a scale are rounded once and serve a whole block.

#include "kernels/amx/tiles.h"
#include "tensor/dtype.h"

namespace paddock::kernels::amx {

// Null for formats that are multiplied otherwise: F32 and F16 in float32, those of amx/wide_product.h.
UnpackRow unpack_row(tensor::DType dtype);

}  // namespace paddock::kernels::amx
