// SPDX-License-Identifier: Apache-2.0
// Products on bf16 tiles. Weights are unpacked to tiles in the first or second cache and meet all tokens there; a sum
// runs over the inputs in order, 32 at a time, wherever its tile waits in between.

#include <algorithm>

#include "kernels/amx/grouped_product.h"
#include "kernels/amx/tile_config.h"
#include "kernels/amx/tiles.h"
#include "kernels/amx/unpack.h"
#include "kernels/amx/wide_product.h"
#include "kernels/avx512/transpose.h"
#include "kernels/vector/product.h"

namespace paddock::kernels::amx {
namespace {

constexpr int64_t kSteps = kChunk / kDepth;  // tiles along a chunk
constexpr int64_t kSums = kPanel * kTokenBlock;
static_assert(kOutputBlock == 2 * kPanel);

int64_t blocks_of(int64_t count, int64_t block) { return (count + block - 1) / block; }

// Columns of a tile of activations: all sixteen once there are so many tokens.
int64_t columns_of(int64_t tokens) { return std::min(tokens, kTokenBlock); }

// Activations
// ----------------------------------------------------------------------------------------------------------------
// [token block][tile along the inputs][term][pair of inputs][column], a pair of bf16 each. Weights that bf16 holds
// exactly deserve better than eight bits of activations: they meet three terms, x rounded and twice what the rounding
// lost, which together are x.

template <int kTerms>
size_t packed_bytes(int64_t tokens, int64_t inputs) {
  const int64_t pairs = blocks_of(tokens, kTokenBlock) * blocks_of(inputs, kDepth) * kTerms * 16 * columns_of(tokens);
  return static_cast<size_t>((pairs * 4 + 63) / 64 * 64);
}

// 32 inputs of a row as sixteen pairs, zero beyond `count`; one vector a term.
template <int kTerms>
void round_inputs(const float* x, int64_t count, __m512i (&pairs)[kTerms]) {
  const auto lanes = [&](int64_t first) {
    const int64_t rest = std::clamp<int64_t>(count - first, 0, 16);
    return static_cast<__mmask16>((1u << rest) - 1);
  };
  __m512 low = _mm512_maskz_loadu_ps(lanes(0), x), high = _mm512_maskz_loadu_ps(lanes(16), x + 16);
  for (int term = 0; term < kTerms; ++term) {
    pairs[term] = reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(high, low));
    if (term + 1 == kTerms) break;
    const __m256i low_words = _mm512_castsi512_si256(pairs[term]),
                  high_words = _mm512_extracti64x4_epi64(pairs[term], 1);
    low = _mm512_sub_ps(low, _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(low_words), 16)));
    high = _mm512_sub_ps(high, _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(high_words), 16)));
  }
}

template <int kTerms>
void pack(const float* x, int64_t stride, int64_t tokens, int64_t inputs, int64_t first, int64_t count,
          std::byte* packed) {
  const int64_t columns = columns_of(tokens), steps = blocks_of(inputs, kDepth);
  const int64_t tile_bytes = 16 * columns * 4;
  for (int64_t start = first; start < first + count; start += kTokenBlock) {
    const int64_t rows = std::min(kTokenBlock, tokens - start);
    std::byte* block = packed + start / kTokenBlock * steps * kTerms * tile_bytes;
    for (int64_t step = 0; step < steps; ++step) {
      __m512i pairs[kTerms][kTokenBlock];
      for (int64_t row = 0; row < kTokenBlock; ++row) {
        __m512i terms[kTerms];
        for (__m512i& term : terms) term = _mm512_setzero_si512();
        if (row < rows) round_inputs(x + (start + row) * stride + step * kDepth, inputs - step * kDepth, terms);
        for (int term = 0; term < kTerms; ++term) pairs[term][row] = terms[term];
      }
      for (int term = 0; term < kTerms; ++term) {
        std::byte* tile = block + (step * kTerms + term) * tile_bytes;
        if (columns == 1) {
          _mm512_storeu_si512(tile, pairs[term][0]);
          continue;
        }
        transpose_16x16(pairs[term]);
        const auto lanes = static_cast<__mmask16>((1u << columns) - 1);
        for (int64_t pair = 0; pair < 16; ++pair)
          _mm512_mask_storeu_epi32(tile + pair * columns * 4, lanes, pairs[term][pair]);
      }
    }
  }
}

constexpr Packing kRounded = {packed_bytes<1>, pack<1>};
constexpr Packing kInThreeTerms = {packed_bytes<3>, pack<3>};

// Tiles
// ----------------------------------------------------------------------------------------------------------------------
// 0 to 3: sums of two panels by two token blocks; 4 and 5: weights of the panels; 6 and 7: activations of the token
// blocks.

void configure(int64_t columns) {
  TileConfig config;
  const auto width = static_cast<uint16_t>(columns * 4);
  for (int tile = 0; tile < 8; ++tile) {
    config.rows[tile] = 16;
    config.row_bytes[tile] = tile == 4 || tile == 5 ? 64 : width;
  }
  settle_memory();
  _tile_loadconfig(&config);
}

// Where a pair of panels and one or two blocks of tokens meet.
struct Meeting {
  const uint16_t* weights;  // tiles of the first panel; of the second kSteps tiles further
  const std::byte* x[2];    // tiles of the token blocks
  int64_t x_stride;         // bytes of a row of them
};

// Steps [begin, end) along the inputs of the chunk.
template <int kTerms, int kTokenBlocks>
void advance(const Meeting& meeting, int64_t begin, int64_t end) {
  settle_memory();
  for (int64_t step = begin; step < end; ++step) {
    _tile_loadd(4, meeting.weights + step * kTileValues, 64);
    _tile_loadd(5, meeting.weights + (kSteps + step) * kTileValues, 64);
    for (int term = 0; term < kTerms; ++term) {
      const int64_t tile = (step * kTerms + term) * 16 * meeting.x_stride;
      _tile_loadd(6, meeting.x[0] + tile, static_cast<size_t>(meeting.x_stride));
      _tile_dpbf16ps(0, 4, 6);
      _tile_dpbf16ps(2, 5, 6);
      if constexpr (kTokenBlocks == 2) {
        _tile_loadd(7, meeting.x[1] + tile, static_cast<size_t>(meeting.x_stride));
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(3, 5, 7);
      }
    }
  }
}

template <int kTokenBlocks>
void zero_sums() {
  _tile_zero(0);
  _tile_zero(2);
  if constexpr (kTokenBlocks == 2) {
    _tile_zero(1);
    _tile_zero(3);
  }
}
// sums: [token block][panel][16 outputs][16 tokens]; the second token block lies `stride` floats after the first.
template <int kTokenBlocks>
void load_sums(const float* sums, int64_t stride) {
  settle_memory();
  _tile_loadd(0, sums, 64);
  _tile_loadd(2, sums + kSums, 64);
  if constexpr (kTokenBlocks == 2) {
    _tile_loadd(1, sums + stride, 64);
    _tile_loadd(3, sums + stride + kSums, 64);
  }
}
template <int kTokenBlocks>
void store_sums(float* sums, int64_t stride) {
  _tile_stored(0, sums, 64);
  _tile_stored(2, sums + kSums, 64);
  if constexpr (kTokenBlocks == 2) {
    _tile_stored(1, sums + stride, 64);
    _tile_stored(3, sums + stride + kSums, 64);
  }
}

// y of a panel and a token block from its sums.
void write_block(const ProductPiece& piece, int64_t first_output, int64_t first_token, const float* sums) {
  const int64_t outputs = std::min(kPanel, piece.outputs - first_output);
  const int64_t tokens = std::min(kTokenBlock, piece.tokens - first_token);
  const auto lanes = static_cast<__mmask16>((1u << outputs) - 1);
  const __m512 scales =
      piece.scales == nullptr ? _mm512_set1_ps(1.0f) : _mm512_maskz_loadu_ps(lanes, piece.scales + first_output);
  __m512i columns[16];
  for (int64_t output = 0; output < kPanel; ++output) columns[output] = _mm512_loadu_si512(sums + output * 16);
  transpose_16x16(columns);
  for (int64_t token = 0; token < tokens; ++token) {
    float* y = piece.y + (first_token + token) * piece.y_stride + first_output;
    __m512 value = _mm512_mul_ps(_mm512_castsi512_ps(columns[token]), scales);
    if (piece.add) value = _mm512_add_ps(_mm512_maskz_loadu_ps(lanes, y), value);
    _mm512_mask_storeu_ps(y, lanes, value);
  }
}

// Products
// -------------------------------------------------------------------------------------------------------------------

constexpr int64_t kMostPanels = kMostOutputs / kPanel;
constexpr int64_t kMostTokenBlocks = kMostTokens / kTokenBlock;

struct Scratch {
  alignas(64) uint16_t tiles[kMostPanels][kSteps][kTileValues];
  alignas(64) float sums[kMostTokenBlocks][kMostPanels][kSums];
};

// Where the stored weights of a piece are unpacked from.
struct Source {
  const ProductPiece& piece;
  UnpackRow unpack;
  int64_t block_values, block_bytes;

  explicit Source(const ProductPiece& from)
      : piece(from),
        unpack(unpack_row(from.dtype)),
        block_values(tensor::info(from.dtype).values),
        block_bytes(tensor::info(from.dtype).bytes) {}

  // Weights [first_input, + kChunk) of an output to its line of the panel's tiles; beyond the piece nothing.
  void row(int64_t output, int64_t first_input, uint16_t* panel) const {
    if (output >= piece.outputs) return;
    const std::byte* stored =
        piece.weights + static_cast<size_t>(output) * piece.row_stride + first_input / block_values * block_bytes;
    // Each output is a stream of its own, more than the processor follows by itself: ask for the row's next chunk.
    const int64_t chunk_bytes = kChunk / block_values * block_bytes;
    for (int64_t byte = chunk_bytes; byte < 2 * chunk_bytes; byte += 64)
      _mm_prefetch(reinterpret_cast<const char*>(stored + byte), _MM_HINT_T0);
    unpack(stored, std::min(kChunk, piece.inputs - first_input), panel + output % kPanel * kDepth);
  }
};

// Up to two token blocks: while the tiles multiply one chunk, the next is unpacked.
template <int kTerms, int kTokenBlocks>
void multiply_few(const ProductPiece& piece, const Source& source, Scratch& scratch) {
  const int64_t columns = columns_of(piece.tokens), steps = blocks_of(piece.inputs, kDepth);
  const int64_t tile_bytes = 16 * columns * 4;
  for (int64_t output = 0; output < piece.outputs; output += kOutputBlock) {
    zero_sums<kTokenBlocks>();
    Meeting meeting;
    int64_t meeting_steps = 0;  // of the chunk that is unpacked already
    for (int64_t first_step = 0; first_step < steps; first_step += kSteps) {
      auto* panels = &scratch.tiles[first_step / kSteps % 2 * 2];
      for (int64_t step = 0; step < kSteps; ++step) {
        for (int64_t row = step * 4; row < step * 4 + 4; ++row)
          source.row(output + row, first_step * kDepth, panels[row / kPanel][0]);
        if (step < meeting_steps) advance<kTerms, kTokenBlocks>(meeting, step, step + 1);
      }
      meeting = {
          .weights = panels[0][0],
          .x = {piece.x + first_step * kTerms * tile_bytes, piece.x + (steps + first_step) * kTerms * tile_bytes},
          .x_stride = columns * 4};
      meeting_steps = std::min(kSteps, steps - first_step);
    }
    advance<kTerms, kTokenBlocks>(meeting, 0, meeting_steps);
    store_sums<kTokenBlocks>(scratch.sums[0][0], 2 * kSums);
    for (int64_t block = 0; block < kTokenBlocks; ++block)
      for (int64_t panel = 0; panel < 2; ++panel)
        if (output + panel * kPanel < piece.outputs)
          write_block(piece, output + panel * kPanel, block * kTokenBlock, scratch.sums[0][block * 2 + panel]);
  }
}

template <int kTerms, int kTokenBlocks>
void meet(const Meeting& meeting, bool first, int64_t steps, float* sums) {
  constexpr int64_t kStride = kMostPanels * kSums;
  if (first)
    zero_sums<kTokenBlocks>();
  else
    load_sums<kTokenBlocks>(sums, kStride);
  advance<kTerms, kTokenBlocks>(meeting, 0, steps);
  store_sums<kTokenBlocks>(sums, kStride);
}

// Many tokens: a chunk of all outputs of the piece is unpacked once and meets them all; sums wait in the second cache.
template <int kTerms>
void multiply_many(const ProductPiece& piece, const Source& source, Scratch& scratch) {
  const int64_t steps = blocks_of(piece.inputs, kDepth), token_blocks = blocks_of(piece.tokens, kTokenBlock);
  constexpr int64_t kTileBytes = 16 * kTokenBlock * 4;
  for (int64_t first_step = 0; first_step < steps; first_step += kSteps) {
    for (int64_t output = 0; output < piece.outputs; ++output)
      source.row(output, first_step * kDepth, scratch.tiles[output / kPanel][0]);
    const int64_t chunk_steps = std::min(kSteps, steps - first_step);
    for (int64_t block = 0; block < token_blocks; block += 2) {
      const std::byte* x = piece.x + (block * steps + first_step) * kTerms * kTileBytes;
      for (int64_t output = 0; output < piece.outputs; output += kOutputBlock) {
        const int64_t panel = output / kPanel;
        const Meeting meeting = {
            .weights = scratch.tiles[panel][0], .x = {x, x + steps * kTerms * kTileBytes}, .x_stride = kTokenBlock * 4};
        float* sums = scratch.sums[block][panel];
        if (block + 1 < token_blocks)
          meet<kTerms, 2>(meeting, first_step == 0, chunk_steps, sums);
        else
          meet<kTerms, 1>(meeting, first_step == 0, chunk_steps, sums);
      }
    }
  }
  for (int64_t block = 0; block < token_blocks; ++block)
    for (int64_t output = 0; output < piece.outputs; output += kPanel)
      write_block(piece, output, block * kTokenBlock, scratch.sums[block][output / kPanel]);
}

template <int kTerms>
void multiply(const ProductPiece& piece) {
  auto& scratch = *reinterpret_cast<Scratch*>(piece.scratch);
  const Source source(piece);
  configure(columns_of(piece.tokens));
  if (piece.tokens <= kTokenBlock)
    multiply_few<kTerms, 1>(piece, source, scratch);
  else if (piece.tokens <= 2 * kTokenBlock)
    multiply_few<kTerms, 2>(piece, source, scratch);
  else
    multiply_many<kTerms>(piece, source, scratch);
  _tile_release();
}

constexpr ProductKernel kQuantised = {"AMX bf16", Arithmetic::kBf16, &kRounded, sizeof(Scratch), multiply<1>};
constexpr ProductKernel kExact = {"AMX bf16 in three terms", Arithmetic::kBf16, &kInThreeTerms, sizeof(Scratch),
                                  multiply<3>};

}  // namespace

const ProductKernel* product_kernel(tensor::DType dtype) {
  if (const ProductKernel* wide = wide_product_kernel(dtype)) return wide;
  if (const ProductKernel* grouped = grouped_product_kernel(dtype)) return grouped;
  if (unpack_row(dtype) == nullptr) return nullptr;
  return tensor::is_block_format(dtype) ? &kQuantised : &kExact;
}

}  // namespace paddock::kernels::amx
