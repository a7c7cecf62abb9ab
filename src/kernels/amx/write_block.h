// SPDX-License-Identifier: Apache-2.0
#pragma once
// From sums that tiles left in memory to a product's outputs. Compiled into the files of one target only: static.

#include <immintrin.h>

#include <algorithm>
#include <cstdint>

#include "kernels/avx512/transpose.h"
#include "kernels/vector/product.h"

namespace paddock::kernels::amx {

// y of sixteen outputs and a token block, as far as the piece has them; sums[output][token].
static inline void write_block(const ProductPiece& piece, int64_t first_output, int64_t first_token,
                               const float (*sums)[16]) {
  const int64_t tokens = std::min(kTokenBlock, piece.tokens - first_token);
  const auto lanes = static_cast<__mmask16>((1u << std::min<int64_t>(16, piece.outputs - first_output)) - 1);
  __m512i columns[16];
  for (int64_t row = 0; row < 16; ++row) columns[row] = _mm512_load_si512(sums[row]);
  transpose_16x16(columns);
  for (int64_t token = 0; token < tokens; ++token) {
    float* y = piece.y + (first_token + token) * piece.y_stride + first_output;
    __m512 value = _mm512_castsi512_ps(columns[token]);
    if (piece.scales != nullptr)
      value = _mm512_mul_ps(_mm512_maskz_loadu_ps(lanes, piece.scales + first_output), value);
    if (piece.add) value = _mm512_add_ps(_mm512_maskz_loadu_ps(lanes, y), value);
    _mm512_mask_storeu_ps(y, lanes, value);
  }
}

}  // namespace paddock::kernels::amx
