// SPDX-License-Identifier: Apache-2.0
#pragma once
// Sixteen outputs that meet a few tokens in one step, one a lane: how their weights are loaded, and how what was found
// for each of them becomes lanes. Static: each target has its own code.

#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/vector/output_walk.h"

namespace paddock::kernels::avx512 {

constexpr int64_t kOutputs = 16;

static inline __m128i load_16(const std::byte* bytes) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes));
}

// Sixteen bytes of each of four rows.
static inline __m512i load_four(const std::byte* const (&rows)[4], int64_t at) {
  __m512i bytes = _mm512_castsi128_si512(load_16(rows[0] + at));
  bytes = _mm512_inserti32x4(bytes, load_16(rows[1] + at), 1);
  bytes = _mm512_inserti32x4(bytes, load_16(rows[2] + at), 2);
  return _mm512_inserti32x4(bytes, load_16(rows[3] + at), 3);
}

// floats[block][output] of the binary16 numbers that lie kStride apart, up to eight of each output.
template <int64_t kStride>
static inline void load_halves(const std::byte* const (&rows)[kOutputs], int64_t first, int64_t blocks,
                               float (*floats)[kOutputs]) {
  alignas(32) uint16_t halves[8][kOutputs];
  for (int64_t output = 0; output < kOutputs; ++output)
    for (int64_t block = 0; block < blocks; ++block) {
      uint16_t half;
      std::memcpy(&half, rows[output] + first + block * kStride, sizeof half);
      __asm__("" : "+r"(half));  // one by one through memory: gathered in a register they would be shuffled
      halves[block][output] = half;
    }
  __asm__ volatile("" : "+m"(halves));
  for (int64_t block = 0; block < blocks; ++block)
    _mm512_store_ps(floats[block], _mm512_cvtph_ps(_mm256_load_si256(reinterpret_cast<const __m256i*>(halves[block]))));
}

// Of each group of four lanes, the sums of a, b, c and d.
static inline __m512i add_quads(__m512i a, __m512i b, __m512i c, __m512i d) {
  const auto pair = [](__m512i x, __m512i y) {
    return _mm512_add_epi32(_mm512_unpacklo_epi32(x, y), _mm512_unpackhi_epi32(x, y));
  };
  const __m512i even = pair(a, c), odd = pair(b, d);
  return _mm512_add_epi32(_mm512_unpacklo_epi32(even, odd), _mm512_unpackhi_epi32(even, odd));
}

// Where parts[i] holds four sums of each of the outputs i, i + 4, i + 8 and i + 12: lane i is the sum of output i.
static inline __m512i add_up(const __m512i (&parts)[4]) { return add_quads(parts[0], parts[1], parts[2], parts[3]); }

struct OutputLanes : OutputWalk<kOutputs> {
  using OutputWalk::OutputWalk;

  // y (+)= scales * values, of a token whose y begins there.
  void write(const ProductPiece& piece, __m512 values, float* y) const {
    const __m512i lanes = _mm512_load_si512(outputs);
    const __mmask16 real = _mm512_cmplt_epi32_mask(lanes, _mm512_set1_epi32(static_cast<int>(piece.outputs)));
    const auto gather = [&](const float* from) {
      return _mm512_mask_i32gather_ps(_mm512_setzero_ps(), real, lanes, from, sizeof(float));
    };
    if (piece.scales != nullptr) values = _mm512_mul_ps(gather(piece.scales), values);
    if (piece.add) values = _mm512_add_ps(gather(y), values);
    _mm512_mask_i32scatter_ps(y, real, lanes, values, sizeof(float));
  }
};

}  // namespace paddock::kernels::avx512
