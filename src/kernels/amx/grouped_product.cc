// SPDX-License-Identifier: Apache-2.0
// An activation is 16 * high + low (amx/grouped_activations.h), a weight times its group's scale an integer: of one
// byte, or 32 * upper + lower. Tiles of 64 inputs by 16 outputs meet the high and the low bytes of 16 tokens; what they
// add up to over a block of 256 is an exact integer, which meets the block's scales once. So the bits are those of
// amx/grouped_rows.h for few tokens.

#include "kernels/amx/grouped_product.h"

#include <algorithm>

#include "kernels/amx/grouped_activations.h"
#include "kernels/amx/grouped_formats.h"
#include "kernels/amx/grouped_rows.h"
#include "kernels/amx/tile_config.h"
#include "kernels/amx/write_block.h"
#include "kernels/avx512/transpose.h"

namespace paddock::kernels::amx {
namespace {

constexpr int64_t kPanel = 16;  // outputs of a tile
constexpr int64_t kSteps = 4;   // tiles along a block
constexpr int64_t kFew = 4;     // tokens that tiles are not worth their unpacking for

int64_t blocks_of(int64_t count, int64_t block) { return (count + block - 1) / block; }

// Activations of up to sixteen tokens over a block; zero where there are fewer. Those of a block lie together: they are
// what meets the same weights.
struct alignas(64) TokenTile {
  int8_t high[kSteps][16][16][4];  // [step][quad][token]
  int8_t low[kSteps][16][16][4];
  // Four quads of the sums of sixteen. Tiles reach twelve quads further, where their weights are zero.
  int8_t sums_high[4][16][4];
  int8_t sums_low[4][16][4];
  int8_t beyond[12][16][4];
  float scales[16];
};

size_t packed_bytes(int64_t tokens, int64_t inputs) {
  const int64_t blocks = inputs / kGrouped;
  if (tokens <= kFew) return static_cast<size_t>(tokens * blocks) * sizeof(GroupedRow);
  return static_cast<size_t>(blocks_of(tokens, kTokenBlock) * blocks) * sizeof(TokenTile);
}

// 64 bytes of each of sixteen tokens, `from` kStride bytes apart, to quads.
template <int64_t kStride>
void put_quads(const int8_t* from, int8_t (*to)[16][4]) {
  __m512i quads[kTokenBlock];
  for (int64_t token = 0; token < kTokenBlock; ++token) quads[token] = _mm512_load_si512(from + token * kStride);
  transpose_16x16(quads);
  for (int64_t quad = 0; quad < 16; ++quad) _mm512_store_si512(to[quad], quads[quad]);
}

template <typename Order>
void pack(const float* x, int64_t stride, int64_t tokens, int64_t inputs, int64_t first, int64_t count,
          std::byte* packed) {
  const int64_t blocks = inputs / kGrouped;
  if (tokens <= kFew) {
    auto* to = reinterpret_cast<GroupedRow*>(packed) + first * blocks;
    for (int64_t token = first; token < first + count; ++token)
      for (int64_t block = 0; block < blocks; ++block)
        quantise_grouped<Order>(x + token * stride + block * kGrouped, *to++);
    return;
  }
  GroupedQuants quants[kTokenBlock];
  for (int64_t start = first; start < first + count; start += kTokenBlock) {
    const int64_t rows = std::min(kTokenBlock, tokens - start);
    auto* tiles = reinterpret_cast<TokenTile*>(packed) + start / kTokenBlock;
    std::memset(static_cast<void*>(quants + rows), 0, static_cast<size_t>(kTokenBlock - rows) * sizeof *quants);
    for (int64_t block = 0; block < blocks; ++block) {
      TokenTile& tile = tiles[block * blocks_of(tokens, kTokenBlock)];
      for (int64_t row = 0; row < rows; ++row)
        quantise_grouped<Order>(x + (start + row) * stride + block * kGrouped, quants[row]);
      for (int64_t step = 0; step < kSteps; ++step) {
        put_quads<sizeof(GroupedQuants)>(quants[0].high + step * 64, tile.high[step]);
        put_quads<sizeof(GroupedQuants)>(quants[0].low + step * 64, tile.low[step]);
      }
      for (int64_t row = 0; row < kTokenBlock; ++row) tile.scales[row] = quants[row].scale;
      if constexpr (!Order::kSums) continue;
      for (int64_t row = 0; row < kTokenBlock; ++row)
        for (int64_t quad = 0; quad < 4; ++quad) {
          std::memcpy(tile.sums_high[quad][row], quants[row].sums_high + quad * 4, 4);
          std::memcpy(tile.sums_low[quad][row], quants[row].sums_low + quad * 4, 4);
        }
      std::memset(tile.beyond, 0, sizeof tile.beyond);
    }
  }
}

// Weights of sixteen outputs over a block.
template <bool kFolded>
struct alignas(64) Panel;
template <>
struct alignas(64) Panel<true> {  // weights times their groups' scales
  int8_t tiles[kSteps][kPanel][64];
  uint8_t minima[kPanel][64];  // sixteen and zeros
  float scales[kPanel];
  float minimum[kPanel];
};
template <>
struct alignas(64) Panel<false> {  // the same as 32 * upper + lower
  int8_t upper[kSteps][kPanel][64];
  int8_t lower[kSteps][kPanel][64];
  float scales[kPanel];
};

// Bytes times the scales of their lanes as words, of which 32 * upper + lower = the word: -16 <= lower < 16.
void split(__m512i bytes, __m512i scales, int8_t* upper, int8_t* lower) {
  // A byte and a scale in the upper halves of words: the upper half of their product is theirs.
  const __m512i zero = _mm512_setzero_si512(), bit = _mm512_set1_epi16(1 << 10);
  const __m512i words = _mm512_or_si512(_mm512_slli_epi32(scales, 24),
                                        _mm512_and_si512(_mm512_slli_epi32(scales, 8), _mm512_set1_epi32(0xffff)));
  const __m512i first =
                    _mm512_mulhi_epi16(_mm512_unpacklo_epi8(zero, bytes), _mm512_shuffle_epi32(words, _MM_PERM_BBAA)),
                second =
                    _mm512_mulhi_epi16(_mm512_unpackhi_epi8(zero, bytes), _mm512_shuffle_epi32(words, _MM_PERM_DDCC));
  const __m512i first_upper = _mm512_mulhrs_epi16(first, bit), second_upper = _mm512_mulhrs_epi16(second, bit);
  _mm512_store_si512(upper, _mm512_packs_epi16(first_upper, second_upper));
  _mm512_store_si512(lower, _mm512_packs_epi16(_mm512_sub_epi16(first, _mm512_slli_epi16(first_upper, 5)),
                                               _mm512_sub_epi16(second, _mm512_slli_epi16(second_upper, 5))));
}

template <typename Format>
void unpack(const Format& format, const std::byte* const (&rows)[kPanel], Panel<Format::kFolded>& panel) {
  for (int64_t row = 0; row < kPanel; ++row) {
    for (int64_t byte = 0; byte < Format::kBytes; byte += 64)  // the row's next block
      _mm_prefetch(reinterpret_cast<const char*>(rows[row] + Format::kBytes + byte), _MM_HINT_T0);
    const GroupedWeights weights = format.bytes(rows[row]);
#pragma GCC unroll 4
    for (int step = 0; step < kSteps; ++step) {
      __m512i bytes = weights.bytes[step];
      if constexpr (Format::kAdded != 0)  // signed again
        bytes = _mm512_xor_si512(bytes, _mm512_set1_epi8(static_cast<char>(Format::kAdded)));
      if constexpr (Format::kFolded)
        _mm512_store_si512(panel.tiles[step][row], bytes);
      else
        split(bytes, weights.scales[Format::kSets == 1 ? 0 : step / 2], panel.upper[step][row], panel.lower[step][row]);
    }
    if constexpr (Format::kMinima) {
      const __m128i minima =
          _mm_and_si128(_mm_srli_epi16(load_128(rows[row] + Format::kMinimaAt), 4), _mm_set1_epi8(15));
      _mm512_store_si512(panel.minima[row], _mm512_zextsi128_si512(minima));
    }
  }
  float halves[1][kPanel] __attribute__((aligned(64)));
  avx512::load_halves<0>(rows, Format::kScaleAt, 1, halves);
  _mm512_store_ps(panel.scales, _mm512_mul_ps(_mm512_load_ps(halves[0]), _mm512_set1_ps(Format::kFactor)));
  if constexpr (Format::kMinima) {
    avx512::load_halves<0>(rows, Format::kMinimumAt, 1, halves);
    _mm512_store_ps(panel.minimum, _mm512_sub_ps(_mm512_setzero_ps(), _mm512_load_ps(halves[0])));
  }
}

constexpr int64_t kGroup = 64;  // outputs that are unpacked at once
using Dots = int32_t[4][kPanel][16];
using Sums = float[kPanel][16];

template <bool kFolded>
struct Scratch {
  Panel<kFolded> panels[kGroup / kPanel];
  alignas(64) Dots dots[2][2];  // in turns; of the weights, of the minima
  alignas(64) Sums sums[kMostOutputs / kGroup][kMostTokens / kTokenBlock][kGroup / kPanel];
};

// Two tiles of weights by two of activations: dots 0 and 1 are the first weights', with the high and the low parts.
template <bool kSigned>
void multiply_step(const void* first, const void* second, const void* high, const void* low) {
  _tile_loadd(4, first, 64);
  _tile_loadd(6, high, 64);
  _tile_loadd(7, low, 64);
  _tile_loadd(5, second, 64);
  if constexpr (kSigned) {
    _tile_dpbssd(0, 4, 6);
    _tile_dpbssd(1, 4, 7);
    _tile_dpbssd(2, 5, 6);
    _tile_dpbssd(3, 5, 7);
  } else {
    _tile_dpbusd(0, 4, 6);
    _tile_dpbusd(1, 4, 7);
    _tile_dpbusd(2, 5, 6);
    _tile_dpbusd(3, 5, 7);
  }
}
void zero_dots() {
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
}
void store_dots(Dots& dots) {
  _tile_stored(0, dots[0], 64);
  _tile_stored(1, dots[1], 64);
  _tile_stored(2, dots[2], 64);
  _tile_stored(3, dots[3], 64);
}

// What a meeting of panels with sixteen tokens over a block is made of. Tiles multiply one meeting while what the one
// before it gave is scaled and added, step by step: each would wait for the other otherwise, as the processor does not
// look far enough ahead to do both.
template <bool kFolded>
struct Meeting {
  const Panel<kFolded>* panels;
  const TokenTile* tokens;
  bool first;
  Sums* sums;
};
template <bool kFolded>
constexpr int64_t kPanelsOfAMeeting = kFolded ? 2 : 1;

template <typename Format>
void multiply_step(const Meeting<true>& meeting, int64_t step) {
  multiply_step<Format::kAdded != 0>(meeting.panels[0].tiles[step], meeting.panels[1].tiles[step],
                                     meeting.tokens->high[step], meeting.tokens->low[step]);
}
template <typename Format>
void multiply_step(const Meeting<false>& meeting, int64_t step) {
  multiply_step<true>(meeting.panels->upper[step], meeting.panels->lower[step], meeting.tokens->high[step],
                      meeting.tokens->low[step]);
}

// sums (+)= scales * dots of a few rows.
template <typename Format>
void add_rows(const Meeting<true>& meeting, const Dots (&dots)[2], int64_t first_row, int64_t rows) {
  const __m512 of_tokens = _mm512_load_ps(meeting.tokens->scales);
  const auto add = [&](const Dots& of, int panel, int64_t row, int shift, float of_block, __m512 sum) {
    const __m512i dot = _mm512_add_epi32(_mm512_slli_epi32(_mm512_load_si512(of[2 * panel][row]), shift),
                                         _mm512_load_si512(of[2 * panel + 1][row]));
    return _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot), _mm512_mul_ps(_mm512_set1_ps(of_block), of_tokens), sum);
  };
#pragma GCC unroll 2
  for (int panel = 0; panel < 2; ++panel)
#pragma GCC unroll 4
    for (int64_t row = first_row; row < first_row + rows; ++row) {
      float* to = meeting.sums[panel][row];
      __m512 sum = meeting.first ? _mm512_setzero_ps() : _mm512_load_ps(to);
      sum = add(dots[0], panel, row, 4, meeting.panels[panel].scales[row], sum);
      if constexpr (Format::kMinima) sum = add(dots[1], panel, row, 8, meeting.panels[panel].minimum[row], sum);
      _mm512_store_ps(to, sum);
    }
}
template <typename Format>
void add_rows(const Meeting<false>& meeting, const Dots (&dots)[2], int64_t first_row, int64_t rows) {
  const __m512 of_tokens = _mm512_load_ps(meeting.tokens->scales);
#pragma GCC unroll 4
  for (int64_t row = first_row; row < first_row + rows; ++row) {
    const auto load = [&](int part) { return _mm512_load_si512(dots[0][part][row]); };
    const __m512i high = _mm512_add_epi32(_mm512_slli_epi32(load(0), 5), load(2));
    const __m512i low = _mm512_add_epi32(_mm512_slli_epi32(load(1), 5), load(3));
    const __m512 dot = _mm512_cvtepi32_ps(_mm512_add_epi32(_mm512_slli_epi32(high, 4), low));
    const __m512 scale = _mm512_mul_ps(_mm512_set1_ps(meeting.panels->scales[row]), of_tokens);
    float* to = meeting.sums[0][row];
    const __m512 sum = meeting.first ? _mm512_setzero_ps() : _mm512_load_ps(to);
    _mm512_store_ps(to, _mm512_fmadd_ps(dot, scale, sum));
  }
}

template <typename Format>
class Meetings {
 public:
  using M = Meeting<Format::kFolded>;
  explicit Meetings(Dots (&dots)[2][2]) : dots_(dots) {}

  void add(const M& meeting) {
    settle_memory();
    zero_dots();
    for (int64_t step = 0; step < kSteps; ++step) {
      multiply_step<Format>(meeting, step);
      if (waiting_) add_rows<Format>(last_, dots_[turn_ ^ 1], step * kRows, kRows);
    }
    store_dots(dots_[turn_][0]);
    if constexpr (Format::kMinima) {
      zero_dots();
      multiply_step<false>(meeting.panels[0].minima, meeting.panels[1].minima, meeting.tokens->sums_high,
                           meeting.tokens->sums_low);
      store_dots(dots_[turn_][1]);
    }
    last_ = meeting;
    waiting_ = true;
    turn_ ^= 1;
  }
  void finish() {
    settle_memory();
    if (waiting_) add_rows<Format>(last_, dots_[turn_ ^ 1], 0, kPanel);
    waiting_ = false;
  }

 private:
  static constexpr int64_t kRows = kPanel / kSteps;
  Dots (&dots_)[2][2];
  M last_ = {};
  bool waiting_ = false;
  int turn_ = 0;
};

// Outputs [first, first + kGroup) of the piece over a block: unpacked once, they meet all tokens; sums wait in the
// second cache.
template <typename Format>
void multiply_group(const ProductPiece& piece, const Format& format, int64_t first, int64_t block,
                    Scratch<Format::kFolded>& scratch) {
  const int64_t end = std::min(first + kGroup, piece.outputs);
  for (int64_t output = first; output < end; output += kPanel) {
    const std::byte* rows[kPanel];
    for (int64_t row = 0; row < kPanel; ++row)
      rows[row] = piece.weights + static_cast<size_t>(std::min(output + row, piece.outputs - 1)) * piece.row_stride +
                  static_cast<size_t>(block * Format::kBytes);
    unpack(format, rows, scratch.panels[(output - first) / kPanel]);
  }
  // Where panels meet tokens in pairs and the last is alone, what it is paired with is not looked at.
  constexpr int64_t kOutputs = kPanelsOfAMeeting<Format::kFolded> * kPanel;
  const int64_t token_blocks = blocks_of(piece.tokens, kTokenBlock);
  const auto* x = reinterpret_cast<const TokenTile*>(piece.x) + block * token_blocks;
  Meetings<Format> meetings(scratch.dots);
  for (int64_t token_block = 0; token_block < token_blocks; ++token_block)
    for (int64_t output = 0; output < end - first; output += kOutputs)
      meetings.add({&scratch.panels[output / kPanel], &x[token_block], block == 0,
                    &scratch.sums[first / kGroup][token_block][output / kPanel]});
  meetings.finish();
}

template <typename Format>
void multiply_many(const ProductPiece& piece) {
  auto& scratch = *reinterpret_cast<Scratch<Format::kFolded>*>(piece.scratch);
  const Format format;
  // Activations of a few tokens stay in the second cache as a whole, of many only a block: it meets all outputs first.
  const bool few = piece.tokens <= 4 * kTokenBlock;
  const int64_t blocks = piece.inputs / kGrouped, groups = blocks_of(piece.outputs, kGroup);
  configure_whole_tiles();
  for (int64_t turn = 0; turn < blocks * groups; ++turn)
    multiply_group(piece, format, (few ? turn / blocks : turn % groups) * kGroup, few ? turn % blocks : turn / groups,
                   scratch);
  _tile_release();
  for (int64_t token_block = 0; token_block * kTokenBlock < piece.tokens; ++token_block)
    for (int64_t output = 0; output < piece.outputs; output += kPanel)
      write_block(piece, output, token_block * kTokenBlock,
                  scratch.sums[output / kGroup][token_block][output % kGroup / kPanel]);
}

template <typename Format>
void multiply(const ProductPiece& piece) {
  if (piece.tokens <= kFew)
    multiply_grouped_rows<Format>(piece);
  else
    multiply_many<Format>(piece);
}

template <typename Order>
constexpr Packing kPacking = {packed_bytes, pack<Order>};
template <typename Format>
constexpr ProductKernel kKernel = {"AMX int8, activations of 12 bits in blocks of 256", Arithmetic::kInt8,
                                   &kPacking<typename Format::Order>, sizeof(Scratch<Format::kFolded>),
                                   multiply<Format>};

}  // namespace

const ProductKernel* grouped_product_kernel(tensor::DType dtype) {
  using tensor::DType;
  switch (dtype) {
    case DType::kQ2_K: return &kKernel<Q2K>;
    case DType::kQ3_K: return &kKernel<Q3K>;
    case DType::kIQ2_XXS: return &kKernel<Iq2Xxs>;
    case DType::kIQ2_XS: return &kKernel<Iq2Xs>;
    case DType::kIQ2_S: return &kKernel<Iq2S>;
    case DType::kIQ3_XXS: return &kKernel<Iq3Xxs>;
    case DType::kIQ3_S: return &kKernel<Iq3S>;
    case DType::kIQ4_XS: return &kKernel<Iq4Xs>;
    default: return nullptr;
  }
}

}  // namespace paddock::kernels::amx
