// SPDX-License-Identifier: Apache-2.0
#pragma once
// Products with sixteen-bit activations for few tokens, where the time goes into reading and unpacking weights: nothing
// is interleaved, each output's weights meet the activations as they lie, and sums of eight outputs are turned into
// lanes afterwards. The integers are the same as in product.cc, and so are the float sums.

#include "kernels/vector/product.h"

namespace paddock::kernels::avx2 {

inline constexpr int64_t kFewTokens = 2;

// Up to kFewTokens tokens.
void multiply_few_rows(const ProductPiece& piece);

}  // namespace paddock::kernels::avx2
