// SPDX-License-Identifier: Apache-2.0
#pragma once
// Products in int8, written once for registers of any width. `L` gives the lanes: a type in an unnamed namespace of the
// file that includes this, so that each target has code of its own. Includes nothing but contracts and intrinsics.
//
// A panel is L::kWidth outputs. Their weights lie interleaved, four inputs of each output side by side, and meet four
// inputs of a token in each lane. The sum of 32 (or 16) products is an exact integer; it is scaled by the weights' and
// the token's scale and added to the output's sum in order of the inputs. So every number of tokens gives the same
// bits.

#include <immintrin.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/vector/load_block.h"
#include "kernels/vector/product.h"
#include "kernels/vector/unpack.h"

namespace paddock::kernels::int8 {

constexpr int64_t kBlock = 32;     // activations that share a scale
constexpr int64_t kChunk = 256;    // inputs that are unpacked at once
constexpr int64_t kFewTokens = 8;  // up to which a pair of panels goes through all inputs before the next

// 32 activations of a token: value = scale * quant. Weights are stored with L::kOffset added, which makes them
// unsigned; the corrections are what that adds to the integer sums, negated.
struct ActivationBlock {
  int8_t quants[kBlock];
  float scale;
  int32_t correction;           // of all
  int32_t half_corrections[2];  // of sixteen
  float sum;                    // of the values, for weights with offsets
  float half_sums[2];
  float unused;
};
static_assert(sizeof(ActivationBlock) == 64);

// A value is wrong by half a step at most: the largest / 254. Static: each target has its own code.
template <int kOffset>
static void quantise(const float* x, ActivationBlock* block) {
  __m256 values[4];
  const float most = load_block(x, values);
  const bool nothing = most < 1e-30f;  // false where it is not a number: the scale then passes that on
  const float scale = nothing ? 0.0f : most / 127.0f;
  const __m256 inverse = _mm256_set1_ps(nothing ? 0.0f : 127.0f / most);
  __m256i rounded[4];
  for (int part = 0; part < 4; ++part) rounded[part] = _mm256_cvtps_epi32(_mm256_mul_ps(values[part], inverse));
  // Packing works on 128 bits each: quads of four come out in order 0 2 4 6 1 3 5 7.
  const __m256i bytes =
      _mm256_packs_epi16(_mm256_packs_epi32(rounded[0], rounded[1]), _mm256_packs_epi32(rounded[2], rounded[3]));
  const __m256i quants = _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(block->quants), quants);
  const __m256i pairs = _mm256_maddubs_epi16(_mm256_set1_epi8(1), quants);
  const __m256i quads = _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
  int32_t halves[2];
  for (int half = 0; half < 2; ++half) {
    __m128i sum = half == 0 ? _mm256_castsi256_si128(quads) : _mm256_extracti128_si256(quads, 1);
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4e));
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xb1));
    halves[half] = _mm_cvtsi128_si32(sum);
    block->half_corrections[half] = -kOffset * halves[half];
    block->half_sums[half] = scale * static_cast<float>(halves[half]);
  }
  block->scale = scale;
  block->correction = -kOffset * (halves[0] + halves[1]);
  block->sum = scale * static_cast<float>(halves[0] + halves[1]);
}

// 32 activations as a block and another of what its rounding lost: sixteen bits.
template <int kOffset>
static void quantise_twice(const float* x, ActivationBlock* block, ActivationBlock* rest) {
  quantise<kOffset>(x, block);
  float lost[kBlock];
  for (int64_t i = 0; i < kBlock; i += 8) {
    const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(block->quants + i));
    const __m256 rounded = _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes)), _mm256_set1_ps(block->scale));
    _mm256_storeu_ps(lost + i, _mm256_sub_ps(_mm256_loadu_ps(x + i), rounded));
  }
  quantise<kOffset>(lost, rest);
}

// With two terms a token is two rows of blocks, the second of what the first lost in rounding.
template <typename L, int kTerms = 1>
struct Int8 {
  static constexpr int64_t kWidth = L::kWidth;
  static constexpr int64_t kPanels = kMostOutputs / kWidth;

  struct Panel {
    alignas(64) uint8_t weights[kChunk / 4][kWidth][4];
    alignas(64) float scales[kChunk / 16][kWidth];  // of groups of 16 or 32
    alignas(64) float offsets[kChunk / 16][kWidth];
  };
  struct Scratch {
    Panel panels[kPanels];
    alignas(64) int8_t quants[kWidth][kChunk];
    alignas(64) float sums[kPanels][kTerms * kMostTokens][kWidth];
  };

  static size_t packed_bytes(int64_t tokens, int64_t inputs) {
    return static_cast<size_t>(kTerms * tokens * (inputs / kBlock)) * sizeof(ActivationBlock);
  }
  static void pack(const float* x, int64_t stride, int64_t, int64_t inputs, int64_t first, int64_t count,
                   std::byte* packed) {
    const int64_t row = inputs / kBlock;
    auto* blocks = reinterpret_cast<ActivationBlock*>(packed) + kTerms * first * row;
    for (int64_t token = first; token < first + count; ++token, blocks += kTerms * row)
      for (int64_t block = 0; block < row; ++block) {
        const float* from = x + token * stride + block * kBlock;
        if constexpr (kTerms == 1)
          quantise<L::kOffset>(from, blocks + block);
        else
          quantise_twice<L::kOffset>(from, blocks + block, blocks + row + block);
      }
  }

  // Weights [first_input, + count) of outputs [first_output, + kWidth), as far as the piece goes.
  static void unpack(const ProductPiece& piece, const Unpacker& unpacker, int64_t block_values, int64_t block_bytes,
                     int64_t first_output, int64_t first_input, int64_t count, Scratch& scratch, Panel& panel) {
    const int64_t rows = std::min(kWidth, piece.outputs - first_output);
    const int64_t bytes = count / block_values * block_bytes;
    for (int64_t row = 0; row < rows; ++row) {
      const std::byte* stored = piece.weights + static_cast<size_t>(first_output + row) * piece.row_stride +
                                first_input / block_values * block_bytes;
      // Each output is a stream of its own, more than the processor follows by itself: ask for the row's next chunk.
      for (int64_t byte = bytes; byte < 2 * bytes; byte += 64)
        _mm_prefetch(reinterpret_cast<const char*>(stored + byte), _MM_HINT_T0);
      unpacker.unpack(stored, count, scratch.quants[row], &panel.scales[0][row], &panel.offsets[0][row], kWidth);
    }
    for (int64_t input = 0; input < count; input += kBlock)
      L::interleave(&scratch.quants[0][input], kChunk, &panel.weights[input / 4]);
  }

  // Two panels meet kTokens tokens over `count` inputs.
  template <int kTokens, bool kHalves, bool kOffsets>
  static void meet(const Panel* panels, const ActivationBlock* x, int64_t x_stride, int64_t count, bool first,
                   float (*sums_0)[kWidth], float (*sums_1)[kWidth]) {
    using Floats = typename L::Floats;
    using Ints = typename L::Ints;
    Floats sums[2][kTokens];
    for (int token = 0; token < kTokens; ++token) {
      sums[0][token] = first ? L::zero() : L::load(sums_0[token]);
      sums[1][token] = first ? L::zero() : L::load(sums_1[token]);
    }
    for (int64_t block = 0; block < count / kBlock; ++block) {
      constexpr int kParts = kHalves ? 2 : 1, kQuads = 8 / kParts;
      for (int part = 0; part < kParts; ++part) {
        Ints dots[2][kTokens];
#pragma GCC unroll 8
        for (int token = 0; token < kTokens; ++token) {
          const ActivationBlock& activations = x[token * x_stride + block];
          dots[0][token] = dots[1][token] =
              L::broadcast(kHalves ? &activations.half_corrections[part] : &activations.correction);
        }
#pragma GCC unroll 8
        for (int quad = 0; quad < kQuads; ++quad) {
          const int64_t at = block * 8 + part * kQuads + quad;
          const Ints first_weights = L::load_ints(panels[0].weights[at]),
                     second_weights = L::load_ints(panels[1].weights[at]);
#pragma GCC unroll 8
          for (int token = 0; token < kTokens; ++token) {
            const Ints four = L::broadcast(x[token * x_stride + block].quants + (part * kQuads + quad) * 4);
            dots[0][token] = L::dot(dots[0][token], first_weights, four);
            dots[1][token] = L::dot(dots[1][token], second_weights, four);
          }
        }
        const int64_t group = block * kParts + part;
#pragma GCC unroll 2
        for (int panel = 0; panel < 2; ++panel) {
          const Floats scales = L::load(panels[panel].scales[group]);
#pragma GCC unroll 8
          for (int token = 0; token < kTokens; ++token) {
            const ActivationBlock& activations = x[token * x_stride + block];
            const Floats scale = L::multiply(scales, L::broadcast(activations.scale));
            sums[panel][token] = L::add_product(L::to_floats(dots[panel][token]), scale, sums[panel][token]);
            if constexpr (kOffsets)
              sums[panel][token] = L::add_product(L::load(panels[panel].offsets[group]),
                                                  L::broadcast(kHalves ? activations.half_sums[part] : activations.sum),
                                                  sums[panel][token]);
          }
        }
      }
    }
    for (int token = 0; token < kTokens; ++token) {
      L::store(sums_0[token], sums[0][token]);
      L::store(sums_1[token], sums[1][token]);
    }
  }

  // All tokens, L::kTokens at a time, then the rest.
  template <bool kHalves, bool kOffsets, int kTokens = L::kTokens>
  static void meet_all(const Panel* panels, const ActivationBlock* x, int64_t x_stride, int64_t tokens, int64_t count,
                       bool first, float (*sums_0)[kWidth], float (*sums_1)[kWidth]) {
    int64_t token = 0;
    for (; token + kTokens <= tokens; token += kTokens)
      meet<kTokens, kHalves, kOffsets>(panels, x + token * x_stride, x_stride, count, first, sums_0 + token,
                                       sums_1 + token);
    if constexpr (kTokens > 1)
      if (token < tokens)
        meet_all<kHalves, kOffsets, kTokens - 1>(panels, x + token * x_stride, x_stride, tokens - token, count, first,
                                                 sums_0 + token, sums_1 + token);
  }

  static void write(const ProductPiece& piece, int64_t first_output, const float (*sums)[kWidth]) {
    const int64_t outputs = std::min(kWidth, piece.outputs - first_output);
    for (int64_t token = 0; token < piece.tokens; ++token) {
      float* y = piece.y + token * piece.y_stride + first_output;
      for (int64_t output = 0; output < outputs; ++output) {
        float sum = sums[kTerms * token][output];
        if constexpr (kTerms == 2) sum += sums[2 * token + 1][output];
        const float scaled = piece.scales == nullptr ? sum : piece.scales[first_output + output] * sum;
        y[output] = piece.add ? y[output] + scaled : scaled;
      }
    }
  }

  // Outputs [begin, end) of the piece: a chunk of all is unpacked and meets all tokens before the next.
  template <bool kHalves, bool kOffsets>
  static void multiply_outputs(const ProductPiece& piece, const Unpacker& unpacker, int64_t begin, int64_t end,
                               Scratch& scratch) {
    const tensor::DTypeInfo& info = tensor::info(piece.dtype);
    const auto* x = reinterpret_cast<const ActivationBlock*>(piece.x);
    const int64_t x_stride = piece.inputs / kBlock;
    for (int64_t input = 0; input < piece.inputs; input += kChunk) {
      const int64_t count = std::min(kChunk, piece.inputs - input);
      for (int64_t output = begin; output < end; output += kWidth)
        unpack(piece, unpacker, info.values, info.bytes, output, input, count, scratch,
               scratch.panels[(output - begin) / kWidth]);
      for (int64_t panel = 0; panel * kWidth < end - begin; panel += 2)
        meet_all<kHalves, kOffsets>(&scratch.panels[panel], x + input / kBlock, x_stride, kTerms * piece.tokens, count,
                                    input == 0, scratch.sums[panel], scratch.sums[panel + 1]);
    }
    for (int64_t output = begin; output < end; output += kWidth)
      write(piece, output, scratch.sums[(output - begin) / kWidth]);
  }

  static void multiply(const ProductPiece& piece) {
    auto& scratch = *reinterpret_cast<Scratch*>(piece.scratch);
    const Unpacker& unpacker = *avx2::unpacker(piece.dtype);
    const int64_t step = kTerms * piece.tokens <= kFewTokens ? 2 * kWidth : kMostOutputs;
    for (int64_t begin = 0; begin < piece.outputs; begin += step) {
      const int64_t end = std::min(begin + step, piece.outputs);
      if (unpacker.group == 16)
        unpacker.offsets ? multiply_outputs<true, true>(piece, unpacker, begin, end, scratch)
                         : multiply_outputs<true, false>(piece, unpacker, begin, end, scratch);
      else
        unpacker.offsets ? multiply_outputs<false, true>(piece, unpacker, begin, end, scratch)
                         : multiply_outputs<false, false>(piece, unpacker, begin, end, scratch);
    }
  }
};

}  // namespace paddock::kernels::int8
