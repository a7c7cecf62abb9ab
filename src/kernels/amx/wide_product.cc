// SPDX-License-Identifier: Apache-2.0
// An activation is 16 * high + low (kernels/avx512/wide_blocks.h), a weight a nibble: a tile holds 32 weights of an
// output twice, times sixteen and as they are, and meets 32 high and 32 low bytes of a token. One instruction gives the
// integer sums of a block of 32 for 16 outputs and 16 tokens; they are scaled and added in order of the blocks, as
// kernels/avx512/few_rows.cc does it for few tokens.

#include "kernels/amx/wide_product.h"

#include <algorithm>
#include <cstddef>

#include "kernels/amx/tile_config.h"
#include "kernels/amx/write_block.h"
#include "kernels/avx512/few_rows.h"
#include "kernels/avx512/k_scales.h"
#include "kernels/avx512/transpose.h"
#include "kernels/avx512/wide_blocks.h"

namespace paddock::kernels::amx {
namespace {

using avx512::WideBlock;

constexpr int64_t kPanel = 16;   // outputs of a tile
constexpr int64_t kBlock = 32;   // inputs of a tile
constexpr int64_t kChunk = 256;  // inputs that are unpacked at once
constexpr int64_t kBlocks = kChunk / kBlock;

// Activations of up to sixteen tokens; zero where there are fewer.
struct alignas(64) TokenTile {
  int8_t quads[16][16][4];  // eight quads of high bytes of each token, then eight of low ones
  float scales[16];
  float sums[16];
};

int64_t blocks_of(int64_t count, int64_t block) { return (count + block - 1) / block; }

// As kernels/avx512/few_rows.h takes them: a row of blocks a token.
size_t row_bytes(int64_t tokens, int64_t inputs) {
  return static_cast<size_t>(blocks_of(tokens * (inputs / kBlock) * static_cast<int64_t>(sizeof(WideBlock)), 64) * 64);
}
void pack_rows(const float* x, int64_t stride, int64_t, int64_t inputs, int64_t first, int64_t count,
               std::byte* packed) {
  auto* to = reinterpret_cast<WideBlock*>(packed) + first * (inputs / kBlock);
  for (int64_t token = first; token < first + count; ++token)
    for (int64_t block = 0; block < inputs / kBlock; ++block)
      avx512::quantise_wide(x + token * stride + block * kBlock, to++);
}

// Up to kFew tokens are packed as rows, more as tiles.
template <int64_t kFew>
size_t packed_bytes(int64_t tokens, int64_t inputs) {
  if (tokens <= kFew) return row_bytes(tokens, inputs);
  return static_cast<size_t>(blocks_of(tokens, kTokenBlock) * (inputs / kBlock)) * sizeof(TokenTile);
}

template <int64_t kFew>
void pack(const float* x, int64_t stride, int64_t tokens, int64_t inputs, int64_t first, int64_t count,
          std::byte* packed) {
  if (tokens <= kFew) return pack_rows(x, stride, tokens, inputs, first, count, packed);
  const int64_t blocks = inputs / kBlock;
  for (int64_t start = first; start < first + count; start += kTokenBlock) {
    const int64_t rows = std::min(kTokenBlock, tokens - start);
    auto* tiles = reinterpret_cast<TokenTile*>(packed) + start / kTokenBlock * blocks;
    for (int64_t block = 0; block < blocks; ++block) {
      TokenTile& tile = tiles[block];
      __m512i quads[kTokenBlock];
      for (int64_t row = 0; row < kTokenBlock; ++row) {
        WideBlock one = {};
        if (row < rows) avx512::quantise_wide(x + (start + row) * stride + block * kBlock, &one);
        static_assert(offsetof(WideBlock, low) == 32);
        quads[row] = _mm512_loadu_si512(&one);
        tile.scales[row] = one.scale;
        tile.sums[row] = one.sum;
      }
      transpose_16x16(quads);
      for (int64_t quad = 0; quad < 16; ++quad) _mm512_store_si512(tile.quads[quad], quads[quad]);
    }
  }
}

// Weights of sixteen outputs over a chunk.
struct alignas(64) Panel {
  int8_t tiles[kBlocks][kPanel][64];
  float scales[kBlocks][kPanel];
  float offsets[kBlocks][kPanel];
};
// Where a chunk of sixteen outputs is stored.
struct StoredPanel {
  const std::byte* first;
  int64_t row_stride;
  int64_t rows;  // that are real; the others repeat the last

  const std::byte* row(int64_t output) const { return first + std::min(output, rows - 1) * row_stride; }
  // Four bytes of each output, `at` bytes into its row.
  __m512i gather(int64_t at) const {
    const __m512i outputs = _mm512_min_epi32(_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
                                             _mm512_set1_epi32(static_cast<int>(rows - 1)));
    const __m512i offsets = _mm512_mullo_epi32(outputs, _mm512_set1_epi32(static_cast<int>(row_stride)));
    return _mm512_i32gather_epi32(offsets, first + at, 1);
  }
};

// Of the lower or the upper halves of sixteen lanes, floats.
__m512 low_halves(__m512i lanes) { return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(lanes)); }
__m512 high_halves(__m512i lanes) { return low_halves(_mm512_srli_epi32(lanes, 16)); }

// Maps of a byte's bits, for _mm512_gf2p8affine_epi64_epi8: byte 7 - i says of which bits bit i is the sum.
constexpr int64_t kLowUp = 0x0000000001020408;      // 16 * low nibble
constexpr int64_t kHighUp = 0x0000000010204080;     // 16 * high nibble
constexpr int64_t kLow = 0x0102040800000000;        // low nibble
constexpr int64_t kHigh = 0x1020408000000000;       // high nibble
constexpr int64_t kLowSigned = 0x0102040808080808;  // its third bit in all above: low nibble - 8 after ^ 0xf8
constexpr int64_t kHighSigned = 0x1020408080808080;

// 32 nibbles times sixteen, then as they are; low ones first.
__m512i spread(const std::byte* bytes) {
  const __m512i all = _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes)));
  return _mm512_gf2p8affine_epi64_epi8(
      all, _mm512_setr_epi64(kLowUp, kLowUp, kHighUp, kHighUp, kLow, kLow, kHigh, kHigh), 0);
}
// The same less 8 each.
__m512i spread_signed(const std::byte* bytes) {
  const __m512i all = _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes)));
  const __m512i flips =
      _mm512_inserti64x4(_mm512_set1_epi8(static_cast<char>(0x80)), _mm256_set1_epi8(static_cast<char>(0xf8)), 1);
  return _mm512_xor_si512(
      _mm512_gf2p8affine_epi64_epi8(
          all, _mm512_setr_epi64(kLowUp, kLowUp, kHighUp, kHighUp, kLowSigned, kLowSigned, kHighSigned, kHighSigned),
          0),
      flips);
}

// Formats: how a chunk of sixteen outputs becomes a panel.

struct Q4_0 {
  static constexpr int64_t kChunkBytes = 18 * kBlocks;
  static constexpr bool kOffsets = false, kSigned = true, kTwoProducts = false;
  static void unpack(const StoredPanel& stored, int64_t blocks, Panel& panel) {
    for (int64_t block = 0; block < blocks; ++block) {
#pragma GCC unroll 16
      for (int64_t row = 0; row < kPanel; ++row)
        _mm512_store_si512(panel.tiles[block][row], spread_signed(stored.row(row) + block * 18 + 2));
      _mm512_store_ps(panel.scales[block], low_halves(stored.gather(block * 18)));
    }
  }
};

struct Q4_1 {
  static constexpr int64_t kChunkBytes = 20 * kBlocks;
  static constexpr bool kOffsets = true, kSigned = false, kTwoProducts = false;
  static void unpack(const StoredPanel& stored, int64_t blocks, Panel& panel) {
    for (int64_t block = 0; block < blocks; ++block) {
#pragma GCC unroll 16
      for (int64_t row = 0; row < kPanel; ++row)
        _mm512_store_si512(panel.tiles[block][row], spread(stored.row(row) + block * 20 + 4));
      const __m512i halves = stored.gather(block * 20);
      _mm512_store_ps(panel.scales[block], low_halves(halves));
      _mm512_store_ps(panel.offsets[block], high_halves(halves));
    }
  }
};

struct Q4K {
  static constexpr int64_t kChunkBytes = 144;
  static constexpr bool kOffsets = true, kSigned = false, kTwoProducts = false;
  static void unpack(const StoredPanel& stored, int64_t, Panel& panel) {
    const __m512i low = _mm512_setr_epi64(kLowUp, kLowUp, kLowUp, kLowUp, kLow, kLow, kLow, kLow);
    const __m512i high = _mm512_setr_epi64(kHighUp, kHighUp, kHighUp, kHighUp, kHigh, kHigh, kHigh, kHigh);
    __m512i lanes[kPanel];
#pragma GCC unroll 16
    for (int64_t row = 0; row < kPanel; ++row) {
      const std::byte* bytes = stored.row(row);
      for (int64_t pair = 0; pair < 4; ++pair) {  // two blocks share 32 bytes
        const __m512i nibbles =
            _mm512_broadcast_i64x4(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(bytes + 16 + pair * 32)));
        _mm512_store_si512(panel.tiles[2 * pair][row], _mm512_gf2p8affine_epi64_epi8(nibbles, low, 0));
        _mm512_store_si512(panel.tiles[2 * pair + 1][row], _mm512_gf2p8affine_epi64_epi8(nibbles, high, 0));
      }
      lanes[row] = _mm512_castps_si512(avx512::scales_and_offsets_of_k(bytes));
    }
    transpose_16x16(lanes);
    for (int64_t block = 0; block < kBlocks; ++block) {
      _mm512_store_si512(panel.scales[block], lanes[block]);
      _mm512_store_si512(panel.offsets[block], lanes[block + kBlocks]);
    }
  }
};

// Weights of more than four bits times sixteen are no bytes: they meet the high and the low parts one after the other.
struct Q8_0 {
  static constexpr int64_t kChunkBytes = 34 * kBlocks;
  static constexpr bool kOffsets = false, kTwoProducts = true;
  static void unpack(const StoredPanel& stored, int64_t blocks, Panel& panel) {
    for (int64_t block = 0; block < blocks; ++block) {
#pragma GCC unroll 16
      for (int64_t row = 0; row < kPanel; ++row) {
        const auto* quants = reinterpret_cast<const __m256i*>(stored.row(row) + block * 34 + 2);
        _mm256_store_si256(reinterpret_cast<__m256i*>(panel.tiles[block][row]), _mm256_loadu_si256(quants));
      }
      _mm512_store_ps(panel.scales[block], low_halves(stored.gather(block * 34)));
    }
  }
};

// Outputs that are unpacked at once: for few tokens they stay in the first cache beside a token block, for many a token
// block is worth more outputs.
constexpr int64_t kGroup = 64, kSmallGroup = 32;

struct Scratch {
  Panel panels[kGroup / kPanel];
  alignas(64) int32_t dots[2][2][kPanel][16];  // of two blocks; the second of each for formats that need two products
  alignas(64) float sums[kMostTokens / kTokenBlock][kMostOutputs / kPanel][kPanel][16];
};

// Of each set of four tiles: sums, sums, weights, activations. For two products weights are 32 bytes wide, activations
// 8 rows high.
template <typename Format>
void configure() {
  TileConfig config;
  for (int tile = 0; tile < 8; ++tile) {
    config.rows[tile] = Format::kTwoProducts && tile % 4 == 3 ? 8 : 16;
    config.row_bytes[tile] = Format::kTwoProducts && tile % 4 == 2 ? 32 : 64;
  }
  settle_memory();
  _tile_loadconfig(&config);
}

// The number of a tile is part of its instruction's text, so that it can be no argument of a function.
#define PADDOCK_MULTIPLY_BLOCK(SUM, SECOND_SUM, WEIGHTS, X) \
  _tile_zero(SUM);                                          \
  _tile_loadd(WEIGHTS, panel.tiles[block], 64);             \
  _tile_loadd(X, tokens.quads, 64);                         \
  if constexpr (Format::kTwoProducts) {                     \
    _tile_zero(SECOND_SUM);                                 \
    _tile_dpbssd(SUM, WEIGHTS, X);                          \
    _tile_loadd(X, tokens.quads[8], 64);                    \
    _tile_dpbssd(SECOND_SUM, WEIGHTS, X);                   \
    _tile_stored(SECOND_SUM, dots[1], 64);                  \
  } else if constexpr (Format::kSigned) {                   \
    _tile_dpbssd(SUM, WEIGHTS, X);                          \
  } else {                                                  \
    _tile_dpbusd(SUM, WEIGHTS, X);                          \
  }                                                         \
  _tile_stored(SUM, dots[0], 64)

// The integer sums of a block to memory, by way of tiles that the block before does not use.
template <typename Format, int kSet>
void multiply_block(const Panel& panel, const TokenTile& tokens, int64_t block, int32_t (*dots)[kPanel][16]) {
  if constexpr (kSet == 0) {
    PADDOCK_MULTIPLY_BLOCK(0, 1, 2, 3);
  } else {
    PADDOCK_MULTIPLY_BLOCK(4, 5, 6, 7);
  }
}
#undef PADDOCK_MULTIPLY_BLOCK

// Sixteen outputs by sixteen tokens over the blocks of a chunk. Integer sums of one block are made while those of the
// one before are added.
template <typename Format>
void meet(const Panel& panel, const TokenTile* tokens, int64_t blocks, bool first, int32_t (*dots)[2][kPanel][16],
          float (*to)[16]) {
  __m512 sums[kPanel];
#pragma GCC unroll 16
  for (int64_t row = 0; row < kPanel; ++row) sums[row] = first ? _mm512_setzero_ps() : _mm512_load_ps(to[row]);
  settle_memory();
  multiply_block<Format, 0>(panel, tokens[0], 0, dots[0]);
  for (int64_t block = 0; block < blocks; ++block) {
    if (block + 1 < blocks) {
      if (block % 2 == 0)
        multiply_block<Format, 1>(panel, tokens[block + 1], block + 1, dots[1]);
      else
        multiply_block<Format, 0>(panel, tokens[block + 1], block + 1, dots[0]);
    }
    const __m512 scales = _mm512_load_ps(tokens[block].scales), values = _mm512_load_ps(tokens[block].sums);
#pragma GCC unroll 16
    for (int64_t row = 0; row < kPanel; ++row) {
      __m512i sum = _mm512_load_si512(dots[block % 2][0][row]);
      if constexpr (Format::kTwoProducts)
        sum = _mm512_add_epi32(_mm512_slli_epi32(sum, 4), _mm512_load_si512(dots[block % 2][1][row]));
      const __m512 dot = _mm512_cvtepi32_ps(sum);
      const __m512 scale = _mm512_mul_ps(scales, _mm512_set1_ps(panel.scales[block][row]));
      sums[row] = _mm512_fmadd_ps(dot, scale, sums[row]);
      if constexpr (Format::kOffsets)
        sums[row] = _mm512_fmadd_ps(_mm512_set1_ps(panel.offsets[block][row]), values, sums[row]);
    }
  }
#pragma GCC unroll 16
  for (int64_t row = 0; row < kPanel; ++row) _mm512_store_ps(to[row], sums[row]);
}

// Outputs [first, first + group) of the piece over a chunk: unpacked once, they meet all tokens; sums wait in the
// second cache.
template <typename Format>
void multiply_group(const ProductPiece& piece, int64_t first, int64_t group, int64_t chunk, Scratch& scratch) {
  const int64_t all_blocks = piece.inputs / kBlock, blocks = std::min(kBlocks, all_blocks - chunk * kBlocks);
  const int64_t end = std::min(first + group, piece.outputs);
  const auto row_stride = static_cast<int64_t>(piece.row_stride);
  for (int64_t panel_first = first; panel_first < end; panel_first += kPanel) {
    const StoredPanel stored = {piece.weights + panel_first * row_stride + chunk * Format::kChunkBytes, row_stride,
                                std::min(kPanel, end - panel_first)};
    // Each output is a stream of its own, more than the processor follows by itself: ask for the row's next chunk.
    for (int64_t row = 0; row < kPanel; ++row)
      for (int64_t byte = 0; byte < Format::kChunkBytes; byte += 64)
        _mm_prefetch(reinterpret_cast<const char*>(stored.row(row) + Format::kChunkBytes + byte), _MM_HINT_T0);
    Format::unpack(stored, blocks, scratch.panels[(panel_first - first) / kPanel]);
  }
  const auto* x = reinterpret_cast<const TokenTile*>(piece.x) + chunk * kBlocks;
  for (int64_t token_block = 0; token_block * kTokenBlock < piece.tokens; ++token_block)
    for (int64_t output = first; output < end; output += kPanel)
      meet<Format>(scratch.panels[(output - first) / kPanel], x + token_block * all_blocks, blocks, chunk == 0,
                   scratch.dots, scratch.sums[token_block][output / kPanel]);
}

template <typename Format>
void multiply_many(const ProductPiece& piece) {
  auto& scratch = *reinterpret_cast<Scratch*>(piece.scratch);
  // Activations of a few tokens stay in the second cache as a whole, of many only a chunk: it meets all outputs first.
  const bool few = piece.tokens <= 4 * kTokenBlock;
  const int64_t group = few ? kSmallGroup : kGroup;
  const int64_t chunks = blocks_of(piece.inputs, kChunk), groups = blocks_of(piece.outputs, group);
  configure<Format>();
  for (int64_t turn = 0; turn < chunks * groups; ++turn)
    multiply_group<Format>(piece, (few ? turn / chunks : turn % groups) * group, group,
                           few ? turn % chunks : turn / groups, scratch);
  _tile_release();
  for (int64_t token_block = 0; token_block * kTokenBlock < piece.tokens; ++token_block)
    for (int64_t output = 0; output < piece.outputs; output += kPanel)
      write_block(piece, output, token_block * kTokenBlock, scratch.sums[token_block][output / kPanel]);
}

template <typename Format, int64_t kFew>
void multiply(const ProductPiece& piece) {
  if (piece.tokens <= kFew)
    avx512::multiply_wide_rows(piece);
  else
    multiply_many<Format>(piece);
}

// How many tokens tiles are not worth their unpacking for: two products for a block make them dearer.
constexpr int64_t kFew = 4, kFewForTwoProducts = avx512::kFewRows;
constexpr Packing kPacking = {packed_bytes<kFew>, pack<kFew>};
constexpr Packing kPackingForTwoProducts = {packed_bytes<kFewForTwoProducts>, pack<kFewForTwoProducts>};

constexpr const char* kName = "AMX int8, activations of 12 bits";
template <typename Format>
constexpr ProductKernel kKernel = {kName, Arithmetic::kInt8, &kPacking, sizeof(Scratch), multiply<Format, kFew>};
template <>
constexpr ProductKernel kKernel<Q8_0> = {kName, Arithmetic::kInt8, &kPackingForTwoProducts, sizeof(Scratch),
                                         multiply<Q8_0, kFewForTwoProducts>};

// The head meets the rows that are sampled: few, so that bf16 tiles would not be worth their rounding.
void multiply_head(const ProductPiece& piece) { avx512::multiply_wide_rows(piece); }

constexpr Packing kRowPacking = {row_bytes, pack_rows};
constexpr ProductKernel kHeadKernel = {"AVX-512 VNNI int8, activations of 12 bits", Arithmetic::kInt8, &kRowPacking, 0,
                                       multiply_head};

}  // namespace

const ProductKernel* wide_product_kernel(tensor::DType dtype) {
  using tensor::DType;
  switch (dtype) {
    case DType::kQ4_0: return &kKernel<Q4_0>;
    case DType::kQ4_1: return &kKernel<Q4_1>;
    case DType::kQ4_K: return &kKernel<Q4K>;
    case DType::kQ8_0: return &kKernel<Q8_0>;
    default: return nullptr;
  }
}

const ProductKernel* head_kernel(tensor::DType dtype) {
  using tensor::DType;
  switch (dtype) {
    case DType::kQ5_K:
    case DType::kQ6_K:
    case DType::kIQ4_NL:
    case DType::kMXFP4: return &kHeadKernel;
    default: return product_kernel(dtype);
  }
}

}  // namespace paddock::kernels::amx
