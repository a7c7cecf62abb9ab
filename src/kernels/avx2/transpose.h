// SPDX-License-Identifier: Apache-2.0
#pragma once
// Compiled into the files of one target only: static, so that no other code is linked to it.

#include <immintrin.h>

namespace paddock::kernels {

// rows[i] lane j becomes rows[j] lane i.
static inline void transpose_8x8(__m256i (&rows)[8]) {
  __m256i pair[8], quad[8];
  for (int i = 0; i < 8; i += 2) {
    pair[i] = _mm256_unpacklo_epi32(rows[i], rows[i + 1]);
    pair[i + 1] = _mm256_unpackhi_epi32(rows[i], rows[i + 1]);
  }
  for (int i = 0; i < 8; i += 4) {
    quad[i] = _mm256_unpacklo_epi64(pair[i], pair[i + 2]);
    quad[i + 1] = _mm256_unpackhi_epi64(pair[i], pair[i + 2]);
    quad[i + 2] = _mm256_unpacklo_epi64(pair[i + 1], pair[i + 3]);
    quad[i + 3] = _mm256_unpackhi_epi64(pair[i + 1], pair[i + 3]);
  }
  for (int i = 0; i < 4; ++i) {
    rows[i] = _mm256_permute2x128_si256(quad[i], quad[i + 4], 0x20);
    rows[i + 4] = _mm256_permute2x128_si256(quad[i], quad[i + 4], 0x31);
  }
}

}  // namespace paddock::kernels
