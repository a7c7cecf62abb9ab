// SPDX-License-Identifier: Apache-2.0
// Products of every block format with activations of sixteen bits.
//
// A panel is eight outputs. Their weights lie interleaved, four inputs of each output side by side; the two even ones
// of them and the two odd ones meet those of a token in each lane. The sum of 32 (or 16) products is an exact integer;
// it is scaled by the weights' and the token's scale and added to the output's sum in order of the inputs. So every
// number of tokens gives the same bits.

#include <algorithm>
#include <cstring>

#include "kernels/avx2/block_quants.h"
#include "kernels/avx2/few_rows.h"
#include "kernels/avx2/int16_blocks.h"

namespace paddock::kernels::avx2 {
namespace {

using namespace int16;

// What is unpacked at once: panels and their sums stay in the second cache, and two would do as well.
constexpr int64_t kPanels = 4;
constexpr int kTokensAtOnce = 6;  // two panels of them: twelve sums beside two registers of weights and one activation

struct Panel {
  alignas(64) int8_t weights[kChunk / 4][kWidth][4];
  Scales scales;
};
struct Scratch {
  Panel panels[kPanels];
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

// Sixteen bytes of eight rows as four times four bytes a row.
void interleave(RowsOfWeights rows, int64_t at, __m256i (&to)[4]) {
  __m256i row[4], two[4];
  for (int i = 0; i < 4; ++i) row[i] = load_run(rows[i] + at, rows[i + 4] + at);
  for (int i = 0; i < 2; ++i) {
    two[i] = _mm256_unpacklo_epi32(row[2 * i], row[2 * i + 1]);
    two[i + 2] = _mm256_unpackhi_epi32(row[2 * i], row[2 * i + 1]);
  }
  for (int half = 0; half < 2; ++half) {
    to[2 * half] = _mm256_unpacklo_epi64(two[2 * half], two[2 * half + 1]);
    to[2 * half + 1] = _mm256_unpackhi_epi64(two[2 * half], two[2 * half + 1]);
  }
}

// Puts `blocks` blocks of eight rows into a panel.
template <typename Format>
void unpack(RowsOfWeights stored, int64_t blocks, Format& format, Panel& panel) {
  format.prepare(stored, blocks, panel.scales);
  RowsOfWeights rows = format.rows(stored);
  const auto store = [&](__m256i quants, int64_t quad) {
    if constexpr (Format::kAdded != kSigned)
      quants = _mm256_sub_epi8(quants, _mm256_set1_epi8(static_cast<char>(Format::kAdded)));
    _mm256_store_si256(reinterpret_cast<__m256i*>(panel.weights[quad]), quants);
  };
  for (int64_t first = 0; first < blocks; first += Format::kLoaded) {
    __m256i runs[Format::kRuns][4];
#pragma GCC unroll 8
    for (int run = 0; run < Format::kRuns; ++run) interleave(rows, Format::run(first, run), runs[run]);
#pragma GCC unroll 4
    for (int quad = 0; quad < 4; ++quad) {
      const auto raw = Format::load([&](int run) { return runs[run][quad]; });
#pragma GCC unroll 4
      for (int64_t block = first; block < first + Format::kLoaded; ++block) {
        const Quants quants = Format::quants(raw, block);
        store(quants.first, block * 8 + quad);
        store(quants.second, block * 8 + 4 + quad);
      }
    }
  }
}

// Where the weights [first_input, ...) of eight outputs lie; what is beyond the piece repeats its last output. Each
// output is a stream of its own, more than the processor follows by itself: asks for the chunk after this one.
void find_rows(const ProductPiece& piece, int64_t first_output, int64_t first_input, int64_t chunk_bytes,
               const std::byte* (&rows)[kWidth]) {
  for (int64_t row = 0; row < kWidth; ++row) {
    const int64_t output = std::min(first_output + row, piece.outputs - 1);
    rows[row] = piece.weights + static_cast<size_t>(output) * piece.row_stride + first_input / kChunk * chunk_bytes;
    for (int64_t byte = chunk_bytes; byte < 2 * chunk_bytes; byte += 64)
      _mm_prefetch(reinterpret_cast<const char*>(rows[row] + byte), _MM_HINT_T0);
  }
}

// The even bytes as words, where they are shifted up by eight bits before, or the odd ones.
__m256i load_words(const int8_t (&bytes)[kWidth][4], __m128i up) {
  const __m256i upper = _mm256_sll_epi16(_mm256_load_si256(reinterpret_cast<const __m256i*>(bytes)), up);
  return _mm256_srai_epi16(upper, 8);
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
  constexpr int kParts = kHalves ? 2 : 1, kQuads = 8 / kParts;
  for (int64_t group = 0; group < blocks * kParts; ++group) {
    const int64_t block = group / kParts, part = group % kParts;
    __m256i dots[2][kTokens];
#pragma GCC unroll 8
    for (int token = 0; token < kTokens; ++token) dots[0][token] = dots[1][token] = _mm256_setzero_si256();
      // Loops are not unrolled: the compiler would put the sums of several steps into another order, and most of them
      // into memory.
#pragma GCC unroll 1
    for (int64_t odd = 0; odd < 2; ++odd) {
      const __m128i up = _mm_cvtsi64_si128(8 - 8 * odd);
#pragma GCC unroll 1
      for (int64_t quad = part * kQuads; quad < (part + 1) * kQuads; ++quad) {
        const int64_t at = block * 8 + quad;
        const __m256i first = load_words(panels[0].weights[at], up), second = load_words(panels[1].weights[at], up);
#pragma GCC unroll 8
        for (int token = 0; token < kTokens; ++token) {
          const __m256i two = broadcast(x[token * blocks + block].quants + odd * 16 + quad * 2);
          dots[0][token] = _mm256_add_epi32(dots[0][token], _mm256_madd_epi16(first, two));
          dots[1][token] = _mm256_add_epi32(dots[1][token], _mm256_madd_epi16(second, two));
          // Token by token: gathered by the compiler, the activations would drive sums into memory.
          __asm__ volatile("" : "+x"(dots[0][token]), "+x"(dots[1][token]));
        }
      }
    }
#pragma GCC unroll 8
    for (int token = 0; token < kTokens; ++token) {
      const ActivationBlock& activations = x[token * blocks + block];
      const float sum = kHalves ? activations.half_sums[part] : activations.sum;
      const auto add = [&](const Panel& panel, __m256i dot, float* to) {
        _mm256_store_ps(to, add_share<kOffsets>(dot, panel.scales.scales[group], panel.scales.offsets[group],
                                                activations.scale, sum, _mm256_load_ps(to)));
      };
      add(panels[0], dots[0][token], sums_0[token]);
      add(panels[1], dots[1][token], sums_1[token]);
    }
  }
}

// All tokens, at most kTokensAtOnce at a time and about as many each time.
template <bool kHalves, bool kOffsets>
void meet_all(const Panel* panels, const ActivationBlock* x, int64_t blocks, int64_t tokens, float (*sums_0)[kWidth],
              float (*sums_1)[kWidth]) {
  constexpr decltype(&meet<1, kHalves, kOffsets>) kMeet[kTokensAtOnce] = {
      meet<1, kHalves, kOffsets>, meet<2, kHalves, kOffsets>, meet<3, kHalves, kOffsets>,
      meet<4, kHalves, kOffsets>, meet<5, kHalves, kOffsets>, meet<6, kHalves, kOffsets>};
  for (int64_t token = 0; token < tokens;) {
    const int64_t times = (tokens - token + kTokensAtOnce - 1) / kTokensAtOnce;
    const int64_t now = (tokens - token + times - 1) / times;
    kMeet[now - 1](panels, x + token * blocks, blocks, sums_0 + token, sums_1 + token);
    token += now;
  }
}

// Outputs [begin, end) of the piece: a chunk of all is unpacked and meets all tokens before the next.
template <typename Format>
void multiply_outputs(const ProductPiece& piece, Format& format, int64_t begin, int64_t end, Scratch& scratch) {
  const int64_t panels = (end - begin + kWidth - 1) / kWidth;
  for (int64_t panel = 0; panel < panels + panels % 2; ++panel)
    std::memset(scratch.sums[panel], 0, static_cast<size_t>(piece.tokens) * sizeof scratch.sums[panel][0]);
  for (int64_t input = 0; input < piece.inputs; input += kChunk) {
    const Chunk<const ActivationBlock> chunk(piece.x, piece.tokens, piece.inputs, input);
    for (int64_t panel = 0; panel < panels; ++panel) {
      const std::byte* rows[kWidth];
      find_rows(piece, begin + panel * kWidth, input, format.chunk_bytes(), rows);
      unpack(rows, chunk.blocks, format, scratch.panels[panel]);
    }
    for (int64_t panel = 0; panel < panels; panel += 2)
      meet_all<Format::kHalves, Format::kOffsets>(&scratch.panels[panel], chunk.of(0), chunk.blocks, piece.tokens,
                                                  scratch.sums[panel], scratch.sums[panel + 1]);
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
  constexpr int64_t step = kPanels * kWidth;
  with_format(piece.dtype, [&](auto&& format) {
    for (int64_t begin = 0; begin < piece.outputs; begin += step)
      multiply_outputs(piece, format, begin, std::min(begin + step, piece.outputs), scratch);
  });
}

constexpr Packing kPacking = {packed_bytes, pack};
constexpr ProductKernel kKernel = {"AVX2 int16", Arithmetic::kInt8, &kPacking, sizeof(Scratch), multiply};

}  // namespace

const ProductKernel* product_kernel(tensor::DType dtype) { return tensor::is_block_format(dtype) ? &kKernel : nullptr; }

}  // namespace paddock::kernels::avx2
