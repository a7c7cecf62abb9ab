// SPDX-License-Identifier: Apache-2.0
#pragma once
// Products of formats in blocks of 256 whose groups have integer scales, with activations of twelve bits.

#include "kernels/vector/product.h"

namespace paddock::kernels::amx {

// Null for other formats.
const ProductKernel* grouped_product_kernel(tensor::DType dtype);

}  // namespace paddock::kernels::amx
