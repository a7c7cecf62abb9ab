// SPDX-License-Identifier: Apache-2.0
#pragma once
// Compiled into the files of one target only: static, so that no other code is linked to it.

#include <immintrin.h>

namespace paddock::kernels {

// rows[i] lane j becomes rows[j] lane i.
static inline void transpose_16x16(__m512i (&rows)[16]) {
  __m512i pairs[16], quads[16];
  for (int i = 0; i < 16; i += 2) {
    pairs[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
    pairs[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    quads[i] = _mm512_unpacklo_epi64(pairs[i], pairs[i + 2]);
    quads[i + 1] = _mm512_unpackhi_epi64(pairs[i], pairs[i + 2]);
    quads[i + 2] = _mm512_unpacklo_epi64(pairs[i + 1], pairs[i + 3]);
    quads[i + 3] = _mm512_unpackhi_epi64(pairs[i + 1], pairs[i + 3]);
  }
  // Lane 4 k + m of quads[4 g + j] is now row 4 g + m, column 4 k + j.
  for (int j = 0; j < 4; ++j) {
    const __m512i a = _mm512_shuffle_i32x4(quads[j], quads[4 + j], 0x88),
                  b = _mm512_shuffle_i32x4(quads[8 + j], quads[12 + j], 0x88);
    const __m512i c = _mm512_shuffle_i32x4(quads[j], quads[4 + j], 0xdd),
                  d = _mm512_shuffle_i32x4(quads[8 + j], quads[12 + j], 0xdd);
    rows[j] = _mm512_shuffle_i32x4(a, b, 0x88);
    rows[8 + j] = _mm512_shuffle_i32x4(a, b, 0xdd);
    rows[4 + j] = _mm512_shuffle_i32x4(c, d, 0x88);
    rows[12 + j] = _mm512_shuffle_i32x4(c, d, 0xdd);
  }
}

}  // namespace paddock::kernels
