// SPDX-License-Identifier: Apache-2.0
#pragma once
// Products of grouped formats (amx/grouped_formats.h) with few tokens: each output's weights meet the activations as
// they lie. The integers and the float sums are those of amx/grouped_product.cc.

#include "kernels/amx/grouped_formats.h"
#include "kernels/avx512/output_lanes.h"

namespace paddock::kernels::amx {

static inline __m512i load_quants(const int8_t* quants) { return _mm512_load_si512(quants); }

// What a block of a token is to a block of an output: sixteen sums that add up to it.
template <typename Format>
static inline __attribute__((always_inline)) __m512i meet_row(const GroupedWeights& weights, const GroupedRow& x) {
  const auto sum_of = [&](int first, int count, const int32_t(&correction)[16]) {
    __m512i high = _mm512_setzero_si512(), low = high;
    if constexpr (Format::kAdded != 0) low = _mm512_load_si512(correction);
#pragma GCC unroll 4
    for (int k = first; k < first + count; ++k) {
      high = _mm512_dpbusd_epi32(high, weights.bytes[k], load_quants(x.high + k * 64));
      low = _mm512_dpbusd_epi32(low, weights.bytes[k], load_quants(x.low + k * 64));
    }
    return _mm512_add_epi32(_mm512_slli_epi32(high, 4), low);
  };
  static_assert(Format::kAdded == 0 || Format::kAdded == 128);
  if constexpr (Format::kFolded)
    return sum_of(0, 4, x.corrections[2]);
  else if constexpr (Format::kSets == 1)
    return _mm512_mullo_epi32(sum_of(0, 4, x.corrections[2]), weights.scales[0]);
  else
    return _mm512_add_epi32(_mm512_mullo_epi32(sum_of(0, 2, x.corrections[0]), weights.scales[0]),
                            _mm512_mullo_epi32(sum_of(2, 2, x.corrections[1]), weights.scales[1]));
}

// Minima of four outputs with the sums of a token: four sums of each.
static inline __m512i meet_minima(__m512i minima, const GroupedRow& x) {
  const auto four_times = [](const int8_t* sums) {
    return _mm512_broadcast_i32x4(_mm_load_si128(reinterpret_cast<const __m128i*>(sums)));
  };
  const __m512i high = _mm512_dpbusd_epi32(_mm512_setzero_si512(), minima, four_times(x.sums_high));
  return _mm512_dpbusd_epi32(_mm512_slli_epi32(high, 8), minima, four_times(x.sums_low));
}

// Of four registers that hold the sums of four outputs each, [lane of 128 bits][output]: all outputs as lanes.
static inline __m512i add_lanes(const __m512i (&quads)[4]) {
  const auto halves = [](__m512i a, __m512i b) {
    return _mm512_add_epi32(_mm512_shuffle_i32x4(a, b, 0x44), _mm512_shuffle_i32x4(a, b, 0xee));
  };
  const __m512i first = halves(quads[0], quads[1]), second = halves(quads[2], quads[3]);
  return _mm512_add_epi32(_mm512_shuffle_i32x4(first, second, 0x88), _mm512_shuffle_i32x4(first, second, 0xdd));
}

// sums += of_block * of_token * dots
static inline __m512 add_scaled(__m512i dots, __m512 of_block, float of_token, __m512 sums) {
  return _mm512_fmadd_ps(_mm512_cvtepi32_ps(dots), _mm512_mul_ps(of_block, _mm512_set1_ps(of_token)), sums);
}

template <typename Format, int kTokens>
static void multiply_outputs(const ProductPiece& piece, const Format& format, const GroupedRow* x, float* y,
                             const avx512::OutputLanes& lanes) {
  using avx512::kOutputs;
  const int64_t blocks = piece.inputs / kGrouped;
  const std::byte* rows[kOutputs];
  lanes.find_rows(piece, rows);
  __m512 sums[kTokens];
  for (__m512& sum : sums) sum = _mm512_setzero_ps();
  for (int64_t block = 0; block < blocks; ++block, ++x) {
    __m512i quads[kTokens][4];
#pragma GCC unroll 1
    for (int quad = 0; quad < 4; ++quad) {
      __m512i parts[kTokens][4];
#pragma GCC unroll 4
      for (int output = 0; output < 4; ++output) {
        const std::byte* stored = rows[quad * 4 + output];
        for (int64_t byte = 0; byte < Format::kBytes; byte += 64)
          _mm_prefetch(reinterpret_cast<const char*>(stored + lanes.ahead + byte), _MM_HINT_T0);
        const GroupedWeights weights = format.bytes(stored);
#pragma GCC unroll 4
        for (int token = 0; token < kTokens; ++token)
          parts[token][output] = meet_row<Format>(weights, x[token * blocks]);
      }
#pragma GCC unroll 4
      for (int token = 0; token < kTokens; ++token)
        quads[token][quad] = avx512::add_quads(parts[token][0], parts[token][1], parts[token][2], parts[token][3]);
    }
    float halves[1][kOutputs] __attribute__((aligned(64)));
    avx512::load_halves<0>(rows, Format::kScaleAt, 1, halves);
    const __m512 scales = _mm512_mul_ps(_mm512_load_ps(halves[0]), _mm512_set1_ps(Format::kFactor));
#pragma GCC unroll 4
    for (int token = 0; token < kTokens; ++token)
      sums[token] = add_scaled(add_lanes(quads[token]), scales, x[token * blocks].scale, sums[token]);
    if constexpr (Format::kMinima) {
      avx512::load_halves<0>(rows, Format::kMinimumAt, 1, halves);
      const __m512 minimum = _mm512_sub_ps(_mm512_setzero_ps(), _mm512_load_ps(halves[0]));
      __m512i minima[4];
#pragma GCC unroll 4
      for (int row = 0; row < 4; ++row)
        minima[row] = _mm512_and_si512(
            _mm512_srli_epi16(
                avx512::load_four({rows[row], rows[row + 4], rows[row + 8], rows[row + 12]}, Format::kMinimaAt), 4),
            _mm512_set1_epi8(15));
#pragma GCC unroll 4
      for (int token = 0; token < kTokens; ++token) {
        const GroupedRow& row = x[token * blocks];
        const __m512i dots = avx512::add_quads(meet_minima(minima[0], row), meet_minima(minima[1], row),
                                               meet_minima(minima[2], row), meet_minima(minima[3], row));
        sums[token] = add_scaled(dots, minimum, row.scale, sums[token]);
      }
    }
    for (const std::byte*& row : rows) row += Format::kBytes;
  }
  for (int token = 0; token < kTokens; ++token) lanes.write(piece, sums[token], y + token * piece.y_stride);
}

// Weights of sixteen outputs stay in the first or second cache until all tokens have met them.
template <typename Format>
static void multiply_grouped_rows(const ProductPiece& piece) {
  const Format format;
  for (int64_t step = 0; step < avx512::OutputLanes::steps(piece); ++step) {
    const avx512::OutputLanes lanes(piece, step);
    for (int64_t token = 0; token < piece.tokens;) {
      const GroupedRow* x = reinterpret_cast<const GroupedRow*>(piece.x) + token * (piece.inputs / kGrouped);
      float* y = piece.y + token * piece.y_stride;
      switch (piece.tokens - token) {
        case 1: multiply_outputs<Format, 1>(piece, format, x, y, lanes), token += 1; break;
        case 3: multiply_outputs<Format, 3>(piece, format, x, y, lanes), token += 3; break;
        case 2: multiply_outputs<Format, 2>(piece, format, x, y, lanes), token += 2; break;
        default: multiply_outputs<Format, 4>(piece, format, x, y, lanes), token += 4;
      }
    }
  }
}

}  // namespace paddock::kernels::amx
