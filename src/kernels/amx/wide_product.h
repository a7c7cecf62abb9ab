// SPDX-License-Identifier: Apache-2.0
#pragma once
// Weights of four or eight bits by activations of twelve, on int8 tiles.

#include "kernels/vector/product.h"

namespace paddock::kernels::amx {

// Null for all formats but Q4_0, Q4_1, Q4_K and Q8_0.
const ProductKernel* wide_product_kernel(tensor::DType dtype);

}  // namespace paddock::kernels::amx
