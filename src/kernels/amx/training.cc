// SPDX-License-Identifier: Apache-2.0
// Products of training on bf16 tiles: panels of two tiles of rows by two of columns, sums in float32.
//
// A tile of A is 16 rows by 32 numbers, one of B 16 pairs of numbers by 16 columns. Both are made of words of two
// numbers that follow each other in depth: a register of A is a row, 16 words deep; one of B is a pair, 16 columns
// wide.
#include <algorithm>
#include <cstddef>

#include "kernels/amx/tile_config.h"
#include "kernels/avx512/transpose.h"
#include "kernels/vector/training_kernels.h"

namespace paddock::kernels::amx {
namespace {

constexpr int64_t kLanes = 16;          // rows or columns of a tile
constexpr int64_t kTileDepth = 32;      // numbers
constexpr int64_t kPanel = 2 * kLanes;  // rows or columns of a panel
constexpr int64_t kTileBytes = 1024;

void begin() { configure_whole_tiles(); }

void end() { _tile_release(); }

__mmask16 first(int64_t count) { return static_cast<__mmask16>((1u << std::clamp<int64_t>(count, 0, kLanes)) - 1); }

// Lane i: a[i] rounded in the lower half, b[i] in the upper.
__m512i pair_words(__m512 a, __m512 b) {
  const __m512i interleave = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8,  //
                                              23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  return _mm512_permutexvar_epi16(interleave, reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(b, a)));
}

// One tile: `count` lanes `stride` apart, `depth` numbers `step` apart, what is missing zero.
// words[lane], 32 numbers of it.
void words_of_lanes(const float* from, int64_t stride, int64_t count, int64_t depth, __m512i (&words)[kLanes]) {
  for (int64_t lane = 0; lane < kLanes; ++lane) {
    words[lane] = _mm512_setzero_si512();
    if (lane >= count) continue;
    const float* row = from + lane * stride;
    const __m512 low = _mm512_maskz_loadu_ps(first(depth), row);
    const __m512 high = _mm512_maskz_loadu_ps(first(depth - kLanes), row + kLanes);
    words[lane] = reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(high, low));
  }
}
// words[pair], 16 lanes of it, where lanes lie side by side.
void words_of_pairs(const float* from, int64_t step, int64_t count, int64_t depth, __m512i (&words)[kLanes]) {
  for (int64_t pair = 0; pair < kLanes; ++pair) {
    const int64_t k = 2 * pair;
    const __m512 even = k < depth ? _mm512_maskz_loadu_ps(first(count), from + k * step) : _mm512_setzero_ps();
    const __m512 odd = k + 1 < depth ? _mm512_maskz_loadu_ps(first(count), from + (k + 1) * step) : _mm512_setzero_ps();
    words[pair] = pair_words(even, odd);
  }
}

// Tiles of a panel, [depth / 32][2]. `by_lanes`: as A has them, else as B.
void pack(const float* from, int64_t stride, int64_t step, int64_t lanes, int64_t depth, bool by_lanes, void* packed) {
  auto* to = static_cast<std::byte*>(packed);
  alignas(64) float gathered[kLanes * kTileDepth];
  for (int64_t k = 0; k < depth; k += kTileDepth)
    for (int64_t lane = 0; lane < kPanel; lane += kLanes, to += kTileBytes) {
      const int64_t count = std::clamp<int64_t>(lanes - lane, 0, kLanes), deep = std::min(kTileDepth, depth - k);
      const float* tile = from + lane * stride + k * step;
      int64_t tile_stride = stride;
      const bool side_by_side = stride == 1;
      if (!side_by_side && step != 1) {
        for (int64_t i = 0; i < count; ++i)
          for (int64_t j = 0; j < deep; ++j) gathered[i * kTileDepth + j] = tile[i * stride + j * step];
        tile = gathered;
        tile_stride = kTileDepth;
      }
      __m512i words[kLanes];
      if (side_by_side)
        words_of_pairs(tile, step, count, deep, words);
      else
        words_of_lanes(tile, tile_stride, count, deep, words);
      if (side_by_side == by_lanes) transpose_16x16(words);
      for (int64_t row = 0; row < kLanes; ++row) _mm512_store_si512(to + row * 64, words[row]);
    }
}

void pack_rows(const StridedFloats& a, int64_t rows, int64_t depth, void* packed) {
  pack(a.from, a.row_stride, a.column_stride, rows, depth, true, packed);
}
void pack_columns(const StridedFloats& b, int64_t columns, int64_t depth, void* packed) {
  pack(b.from, b.column_stride, b.row_stride, columns, depth, false, packed);
}

void multiply(const void* a, const void* b, int64_t depth, int64_t rows, int64_t columns, float scale, bool add,
              float* c, int64_t stride) {
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  const auto* of_a = static_cast<const std::byte*>(a);
  const auto* of_b = static_cast<const std::byte*>(b);
  for (int64_t k = 0; k < depth; k += kTileDepth, of_a += 2 * kTileBytes, of_b += 2 * kTileBytes) {
    _tile_loadd(4, of_a, 64);
    _tile_loadd(6, of_b, 64);
    _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(7, of_b + kTileBytes, 64);
    _tile_dpbf16ps(1, 4, 7);
    _tile_loadd(5, of_a + kTileBytes, 64);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  alignas(64) float sums[kPanel * kPanel];
  constexpr int64_t kRowBytes = kPanel * sizeof(float);
  _tile_stored(0, sums, kRowBytes);
  _tile_stored(1, sums + kLanes, kRowBytes);
  _tile_stored(2, sums + kLanes * kPanel, kRowBytes);
  _tile_stored(3, sums + kLanes * kPanel + kLanes, kRowBytes);
  settle_memory();
  const __m512 factor = _mm512_set1_ps(scale);
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t column = 0; column < columns; column += kLanes) {
      const __mmask16 mask = first(columns - column);
      float* to = c + row * stride + column;
      const __m512 sum = _mm512_load_ps(sums + row * kPanel + column);
      _mm512_mask_storeu_ps(
          to, mask, add ? _mm512_fmadd_ps(factor, sum, _mm512_maskz_loadu_ps(mask, to)) : _mm512_mul_ps(factor, sum));
    }
}

}  // namespace

const TrainingProducts kRoundedProducts = {.panel_rows = kPanel,
                                           .panel_columns = kPanel,
                                           .depth = 1024,
                                           .depth_step = kTileDepth,
                                           .number_bytes = 2,
                                           .begin = begin,
                                           .end = end,
                                           .pack_rows = pack_rows,
                                           .pack_columns = pack_columns,
                                           .multiply = multiply};

}  // namespace paddock::kernels::amx
