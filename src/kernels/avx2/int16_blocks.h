// SPDX-License-Identifier: Apache-2.0
#pragma once
// Activations of sixteen bits, and small integers as their partners. Without VNNI a processor has no product of bytes
// that is summed in 32 bits in one step: it multiplies, and then adds neighbours by multiplying with one. Words take as
// many steps for the same sums, need no tricks with signs, and lose nothing that shows. All of it is static: each file
// of the target has its own code.

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/vector/load_block.h"
#include "kernels/vector/product.h"

namespace paddock::kernels::int16 {

constexpr int64_t kBlock = 32;   // activations that share a scale
constexpr int64_t kChunk = 256;  // inputs that are unpacked at once
constexpr int64_t kWidth = 8;    // outputs of a register

// 32 activations of a token: value = scale * quant, wrong by half a step at most: the largest / 65534. Weights are
// bytes, which become words as the even and the odd ones of a register: of each sixteen quants the even ones come
// first.
struct alignas(32) ActivationBlock {
  int16_t quants[kBlock];
  float scale;
  float sum;  // of the values, for weights with offsets
  float half_sums[2];
  int32_t total;  // of the quants, for weights that were made unsigned
  int32_t half_totals[2];
};
static_assert(sizeof(ActivationBlock) == 96);

// Where packed rows have the blocks of a chunk: chunk by chunk, and token by token in each, so that they are read in
// order of memory.
template <typename Block>
struct Chunk {
  int64_t blocks;  // of a token, at most kChunk / kBlock
  Block* first;

  template <typename Byte>
  Chunk(Byte* packed, int64_t tokens, int64_t inputs, int64_t input)
      : blocks((inputs - input < kChunk ? inputs - input : kChunk) / kBlock),
        first(reinterpret_cast<Block*>(packed) + input / kBlock * tokens) {}
  Block* of(int64_t token) const { return first + token * blocks; }
};

static inline void quantise(const float* x, ActivationBlock* block) {
  __m256 values[4];
  const float most = load_block(x, values);
  const bool nothing = most < 1e-30f;  // false where it is not a number: the scale then passes that on
  const __m256 inverse = _mm256_set1_ps(nothing ? 0.0f : 32767.0f / most);
  block->scale = nothing ? 0.0f : most / 32767.0f;
  for (int half = 0; half < 2; ++half) {
    const __m256i low = _mm256_cvtps_epi32(_mm256_mul_ps(values[2 * half], inverse)),
                  high = _mm256_cvtps_epi32(_mm256_mul_ps(values[2 * half + 1], inverse));
    // Packing works on 128 bits each: a lane has four inputs of the first eight and four of the second.
    const __m256i even_before_odd =
        _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15));
    const __m256i lanes = _mm256_shuffle_epi8(_mm256_packs_epi32(low, high), even_before_odd);
    const __m256i words = _mm256_permutevar8x32_epi32(lanes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    auto* of_half = reinterpret_cast<__m128i*>(block->quants + 8 * half);
    _mm_store_si128(of_half, _mm256_castsi256_si128(words));
    _mm_store_si128(of_half + 2, _mm256_extracti128_si256(words, 1));
    const __m256i pairs = _mm256_madd_epi16(words, _mm256_set1_epi16(1));
    __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256(pairs, 1));
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4e));
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xb1));
    block->half_totals[half] = _mm_cvtsi128_si32(sum);
    block->half_sums[half] = block->scale * static_cast<float>(block->half_totals[half]);
  }
  block->total = block->half_totals[0] + block->half_totals[1];
  block->sum = block->scale * static_cast<float>(block->total);
}

// sum + what the integer sums of eight outputs stand for. Every product adds a block's share in this way, so that all
// give the same bits.
template <bool kOffsets>
static inline __m256 add_share(__m256i dots, const float* scales, const float* offsets, float x_scale, float x_sum,
                               __m256 sum) {
  const __m256 scale = _mm256_mul_ps(_mm256_load_ps(scales), _mm256_set1_ps(x_scale));
  sum = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dots), scale, sum);
  if constexpr (kOffsets) sum = _mm256_fmadd_ps(_mm256_load_ps(offsets), _mm256_set1_ps(x_sum), sum);
  return sum;
}

static inline void write(const ProductPiece& piece, int64_t token, int64_t output, float sum) {
  float& y = piece.y[token * piece.y_stride + output];
  const float scaled = piece.scales == nullptr ? sum : piece.scales[output] * sum;
  y = piece.add ? y + scaled : scaled;
}

// The same for neighbours.
static inline void write_eight(const ProductPiece& piece, int64_t token, int64_t output, __m256 sums) {
  float* y = piece.y + token * piece.y_stride + output;
  if (piece.scales != nullptr) sums = _mm256_mul_ps(_mm256_loadu_ps(piece.scales + output), sums);
  _mm256_storeu_ps(y, piece.add ? _mm256_add_ps(_mm256_loadu_ps(y), sums) : sums);
}

}  // namespace paddock::kernels::int16
