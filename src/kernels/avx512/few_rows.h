// SPDX-License-Identifier: Apache-2.0
#pragma once
// Int8 products for few tokens, where the time goes into reading and unpacking weights: nothing is interleaved, each
// output's weights meet the activations as they lie, and sums of sixteen outputs are turned into lanes afterwards. A
// register holds sixteen bytes of each of four outputs: their sums are lanes after two steps. The integers are the same
// as in kernels/vector/int8_loops.h, and so are the float sums.

#include "kernels/vector/product.h"

namespace paddock::kernels::avx512 {

inline constexpr int64_t kFewRows = 8;

// Up to kFewRows rows of blocks, packed as for kernels/vector/int8_loops.h: one a token, or two that add up. False where
// the format has no such product.
bool multiply_few_rows(const ProductPiece& piece, int terms);

// The same with activations of twelve bits, a row of WideBlock a token, any number of them.
bool multiply_wide_rows(const ProductPiece& piece);

}  // namespace paddock::kernels::avx512
