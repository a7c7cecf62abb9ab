// SPDX-License-Identifier: Apache-2.0
// Products of every block format with activations of sixteen bits.
//
// A panel is eight outputs. Their weights lie interleaved, two inputs of each output side by side, and meet two inputs
// of a token in each lane. The sum of 32 (or 16) products is an exact integer; it is scaled by the weights' and the
// token's scale and added to the output's sum in order of the inputs. So every number of tokens gives the same bits.

#include <algorithm>
#include <cstring>

#include "kernels/avx2/few_rows.h"
#include "kernels/avx2/int16_blocks.h"
#include "kernels/vector/unpack.h"

namespace paddock::kernels::avx2 {
namespace {

using namespace int16;

// What is unpacked at once: panels and their sums stay in the second cache, and two would do as well.
constexpr int64_t kPanels = 4;
constexpr int kTokensAtOnce = 6;  // two panels of them: twelve sums beside two registers of weights and one activation

struct Panel {
  alignas(64) int8_t weights[kChunk / 2][kWidth][2];
  alignas(64) float scales[kChunk / 16][kWidth];  // of groups of 16 or 32
  alignas(64) float offsets[kChunk / 16][kWidth];
};
struct Scratch {
  Panel panels[kPanels];
  alignas(64) int8_t quants[kWidth][kChunk];
  alignas(64) float sums[kPanels][kMostTokens][kWidth];
};

size_t packed_bytes(int64_t tokens, int64_t inputs) {
  const size_t bytes = static_cast<size_t>(tokens * (inputs / kBlock)) * sizeof(ActivationBlock);
  return (bytes + 63) / 64 * 64;
}

void pack(const float* x, int64_t stride, int64_t tokens, int64_t inputs, int64_t first, int64_t count,
          std::byte* packed) {
  for (int64_t input = 0; input < inputs; input += kChunk) {
    const Chunk<ActivationBlock> chunk(packed, tokens, inputs, input);
    for (int64_t token = first; token < first + count; ++token)
      for (int64_t block = 0; block < chunk.blocks; ++block)
        quantise(x + token * stride + input + block * kBlock, &chunk.of(token)[block]);
  }
}

// 32 quants of eight rows that lie `stride` bytes apart to sixteen times two quants a row.
void interleave(const int8_t* rows, int64_t stride, int8_t (*to)[kWidth][2]) {
  __m256i row[8], two[8], four[8];
  for (int i = 0; i < 8; ++i) row[i] = _mm256_load_si256(reinterpret_cast<const __m256i*>(rows + i * stride));
  for (int i = 0; i < 8; i += 2) {
    two[i] = _mm256_unpacklo_epi16(row[i], row[i + 1]);
    two[i + 1] = _mm256_unpackhi_epi16(row[i], row[i + 1]);
  }
  for (int i = 0; i < 8; i += 4)
    for (int part = 0; part < 2; ++part) {
      four[i + 2 * part] = _mm256_unpacklo_epi32(two[i + part], two[i + 2 + part]);
      four[i + 2 * part + 1] = _mm256_unpackhi_epi32(two[i + part], two[i + 2 + part]);
    }
  // Each half of a register has its own eight pairs of the 32 inputs.
  const auto store = [&](int pair, __m256i eight) {
    _mm_store_si128(reinterpret_cast<__m128i*>(to[pair]), _mm256_castsi256_si128(eight));
    _mm_store_si128(reinterpret_cast<__m128i*>(to[pair + 8]), _mm256_extracti128_si256(eight, 1));
  };
  for (int i = 0; i < 4; ++i) {
    store(2 * i, _mm256_unpacklo_epi64(four[i], four[i + 4]));
    store(2 * i + 1, _mm256_unpackhi_epi64(four[i], four[i + 4]));
  }
}

// Weights [first_input, + count) of outputs [first_output, + kWidth), as far as the piece goes.
void unpack(const ProductPiece& piece, const Unpacker& unpacker, int64_t first_output, int64_t first_input,
            int64_t count, Scratch& scratch, Panel& panel) {
  const tensor::DTypeInfo& info = tensor::info(piece.dtype);
  const int64_t rows = std::min(kWidth, piece.outputs - first_output);
  const int64_t bytes = count / info.values * info.bytes;
  for (int64_t row = 0; row < rows; ++row) {
    const std::byte* stored = piece.weights + static_cast<size_t>(first_output + row) * piece.row_stride +
                              first_input / info.values * info.bytes;
    // Each output is a stream of its own, more than the processor follows by itself: ask for the row's next chunk.
    for (int64_t byte = bytes; byte < 2 * bytes; byte += 64)
      _mm_prefetch(reinterpret_cast<const char*>(stored + byte), _MM_HINT_T0);
    unpacker.unpack(stored, count, scratch.quants[row], &panel.scales[0][row], &panel.offsets[0][row], kWidth);
  }
  for (int64_t input = 0; input < count; input += kBlock)
    interleave(&scratch.quants[0][input], kChunk, &panel.weights[input / 2]);
}

__m256i load_words(const int8_t (&bytes)[kWidth][2]) {
  return _mm256_cvtepi8_epi16(_mm_load_si128(reinterpret_cast<const __m128i*>(bytes)));
}
__m256i broadcast(const int16_t* two) {
  int32_t value;
  std::memcpy(&value, two, sizeof value);
  return _mm256_set1_epi32(value);
}

// Two panels meet kTokens tokens over the blocks of a chunk.
template <int kTokens, bool kHalves, bool kOffsets>
void meet(const Panel* panels, const ActivationBlock* x, int64_t blocks, float (*sums_0)[kWidth],
          float (*sums_1)[kWidth]) {
  constexpr int kParts = kHalves ? 2 : 1, kPairs = 16 / kParts;
  for (int64_t group = 0; group < blocks * kParts; ++group) {
    const int64_t block = group / kParts, part = group % kParts;
    __m256i dots[2][kTokens];
#pragma GCC unroll 8
    for (int token = 0; token < kTokens; ++token) dots[0][token] = dots[1][token] = _mm256_setzero_si256();
      // Not unrolled: the compiler would put the sums of several steps into another order, and most of them into
      // memory.
#pragma GCC unroll 1
    for (int pair = 0; pair < kPairs; ++pair) {
      const int64_t at = group * kPairs + pair;
      const __m256i first = load_words(panels[0].weights[at]), second = load_words(panels[1].weights[at]);
#pragma GCC unroll 8
      for (int token = 0; token < kTokens; ++token) {
        const __m256i two = broadcast(x[token * blocks + block].quants + (part * kPairs + pair) * 2);
        dots[0][token] = _mm256_add_epi32(dots[0][token], _mm256_madd_epi16(first, two));
        dots[1][token] = _mm256_add_epi32(dots[1][token], _mm256_madd_epi16(second, two));
        // Token by token: gathered by the compiler, the activations would drive sums into memory.
        __asm__ volatile("" : "+x"(dots[0][token]), "+x"(dots[1][token]));
      }
    }
#pragma GCC unroll 8
    for (int token = 0; token < kTokens; ++token) {
      const ActivationBlock& activations = x[token * blocks + block];
      const float sum = kHalves ? activations.half_sums[part] : activations.sum;
      const auto add = [&](const Panel& panel, __m256i dot, float* to) {
        _mm256_store_ps(to, add_share<kOffsets>(dot, panel.scales[group], panel.offsets[group], activations.scale, sum,
                                                _mm256_load_ps(to)));
      };
      add(panels[0], dots[0][token], sums_0[token]);
      add(panels[1], dots[1][token], sums_1[token]);
    }
  }
}

// All tokens, kTokens at a time, then the rest.
template <bool kHalves, bool kOffsets, int kTokens = kTokensAtOnce>
void meet_all(const Panel* panels, const ActivationBlock* x, int64_t blocks, int64_t tokens, float (*sums_0)[kWidth],
              float (*sums_1)[kWidth]) {
  int64_t token = 0;
  for (; token + kTokens <= tokens; token += kTokens)
    meet<kTokens, kHalves, kOffsets>(panels, x + token * blocks, blocks, sums_0 + token, sums_1 + token);
  if constexpr (kTokens > 1)
    if (token < tokens)
      meet_all<kHalves, kOffsets, kTokens - 1>(panels, x + token * blocks, blocks, tokens - token, sums_0 + token,
                                               sums_1 + token);
}

// Outputs [begin, end) of the piece: a chunk of all is unpacked and meets all tokens before the next.
template <bool kHalves, bool kOffsets>
void multiply_outputs(const ProductPiece& piece, const Unpacker& unpacker, int64_t begin, int64_t end,
                      Scratch& scratch) {
  const int64_t panels = (end - begin + kWidth - 1) / kWidth;
  for (int64_t panel = 0; panel < panels + panels % 2; ++panel)
    std::memset(scratch.sums[panel], 0, static_cast<size_t>(piece.tokens) * sizeof scratch.sums[panel][0]);
  for (int64_t input = 0; input < piece.inputs; input += kChunk) {
    const Chunk<const ActivationBlock> chunk(piece.x, piece.tokens, piece.inputs, input);
    for (int64_t panel = 0; panel < panels; ++panel)
      unpack(piece, unpacker, begin + panel * kWidth, input, chunk.blocks * kBlock, scratch, scratch.panels[panel]);
    for (int64_t panel = 0; panel < panels; panel += 2)
      meet_all<kHalves, kOffsets>(&scratch.panels[panel], chunk.of(0), chunk.blocks, piece.tokens, scratch.sums[panel],
                                  scratch.sums[panel + 1]);
  }
  for (int64_t token = 0; token < piece.tokens; ++token)
    for (int64_t panel = 0; panel < panels; ++panel) {
      const int64_t first = begin + panel * kWidth;
      const float* sums = scratch.sums[panel][token];
      if (end - first >= kWidth) {
        write_eight(piece, token, first, _mm256_load_ps(sums));
      } else {
        for (int64_t output = 0; output < end - first; ++output) write(piece, token, first + output, sums[output]);
      }
    }
}

void multiply(const ProductPiece& piece) {
  if (piece.tokens <= kFewTokens) return multiply_few_rows(piece);
  auto& scratch = *reinterpret_cast<Scratch*>(piece.scratch);
  const Unpacker& unpacker = *avx2::unpacker(piece.dtype);
  constexpr int64_t step = kPanels * kWidth;
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

constexpr Packing kPacking = {packed_bytes, pack};
constexpr ProductKernel kKernel = {"AVX2 int16", Arithmetic::kInt8, &kPacking, sizeof(Scratch), multiply};

}  // namespace

const ProductKernel* product_kernel(tensor::DType dtype) { return tensor::is_block_format(dtype) ? &kKernel : nullptr; }

}  // namespace paddock::kernels::avx2
