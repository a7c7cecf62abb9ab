// SPDX-License-Identifier: Apache-2.0
// Picture tiles on bf16 tiles. Where it is not rounded, a number is two terms, itself rounded and what the rounding
// lost, also rounded: sixteen bits of it together. Weights that bf16 holds are one term.
//
// A tile of weights is 16 outputs by 32 inputs, one of rows 16 pairs of inputs by 16 rows: a block of rows as it lies,
// two numbers to a word. What comes out is 16 outputs by 16 rows, in its place in the next block.

#include <cstring>

#include "kernels/amx/tile_config.h"
#include "kernels/amx/tiles.h"
#include "kernels/avx512/lanes.h"
#include "kernels/avx512/transpose.h"
#include "kernels/vector/float_kernels.h"
#include "kernels/vector/tower_loops.h"

namespace paddock::kernels::amx {
namespace {

using Loops = TowerLoops<avx512::Lanes, 8, 3, 8>;

constexpr int64_t kTileBytes = 1024;
// Tiles along the inputs, times terms, that are summed before sums go back to memory: fewer load and store sums more
// often, more rows leave the second cache. A multiple of 16, so that either number of terms takes whole blocks of 256
// weights.
constexpr int64_t kStepTerms = 32;
constexpr int64_t kPanels = kGroupOutputs / kPanel;

int64_t blocks_of(int64_t count, int64_t block) { return (count + block - 1) / block; }

// Terms
// ----------------------------------------------------------------------------------------------------------------------

// Lane i of the result: a[i] rounded in its lower half, b[i] in its upper.
__m512i pair_words(__m512 a, __m512 b) {
  const __m512i interleave = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8,  //
                                              23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  return _mm512_permutexvar_epi16(interleave, reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(b, a)));
}

template <int kTerms>
void pair_terms(__m512 a, __m512 b, __m512i (&words)[kTerms]) {
  words[0] = pair_words(a, b);
  if constexpr (kTerms == 2) {
    const __m512 low = _mm512_castsi512_ps(_mm512_slli_epi32(words[0], 16));
    const __m512 high =
        _mm512_castsi512_ps(_mm512_and_si512(words[0], _mm512_set1_epi32(static_cast<int>(0xFFFF0000u))));
    words[1] = pair_words(_mm512_sub_ps(a, low), _mm512_sub_ps(b, high));
  }
}

// A block of rows as tiles: [step][term].
template <int kTerms>
void pack_block(const float* x, int64_t inputs, std::byte* packed) {
  const int64_t steps = blocks_of(inputs, kDepth);
  for (int64_t pair = 0; pair < steps * 16; ++pair) {
    const int64_t input = 2 * pair;
    const __m512 a = input < inputs ? _mm512_loadu_ps(x + input * kBlockRows) : _mm512_setzero_ps();
    const __m512 b = input + 1 < inputs ? _mm512_loadu_ps(x + (input + 1) * kBlockRows) : _mm512_setzero_ps();
    __m512i words[kTerms];
    pair_terms(a, b, words);
    for (int term = 0; term < kTerms; ++term)
      _mm512_store_si512(packed + ((pair / 16) * kTerms + term) * kTileBytes + pair % 16 * 64, words[term]);
  }
}

size_t packed_bytes(int64_t inputs, bool rounded) {
  return static_cast<size_t>(blocks_of(inputs, kDepth) * (rounded ? 1 : 2) * kTileBytes);
}

void pack(const float* x, int64_t inputs, bool rounded, std::byte* packed) {
  if (rounded)
    pack_block<1>(x, inputs, packed);
  else
    pack_block<2>(x, inputs, packed);
}

// Tiles: 0 to 3 sums of two panels by two blocks; 4 and 5 weights of the panels; 6 and 7 rows of the blocks.
// ----------------------------------------------------------------------------------------------------------------------

template <int kRows, int kBlocks>
inline void zero_sums() {
  _tile_zero(0);
  if constexpr (kBlocks == 2) _tile_zero(1);
  if constexpr (kRows == 2) _tile_zero(2);
  if constexpr (kRows == 2 && kBlocks == 2) _tile_zero(3);
}

// [panel][block]: panels kTileBytes apart, blocks `stride` floats.
template <int kRows, int kBlocks>
inline void load_sums(const float* from, int64_t stride) {
  settle_memory();
  _tile_loadd(0, from, 64);
  if constexpr (kBlocks == 2) _tile_loadd(1, from + stride, 64);
  if constexpr (kRows == 2) _tile_loadd(2, from + 256, 64);
  if constexpr (kRows == 2 && kBlocks == 2) _tile_loadd(3, from + stride + 256, 64);
}
template <int kRows, int kBlocks>
inline void store_sums(float* to, int64_t stride) {
  _tile_stored(0, to, 64);
  if constexpr (kBlocks == 2) _tile_stored(1, to + stride, 64);
  if constexpr (kRows == 2) _tile_stored(2, to + 256, 64);
  if constexpr (kRows == 2 && kBlocks == 2) _tile_stored(3, to + stride + 256, 64);
  settle_memory();
}

template <int kRows>
inline void load_weights(const std::byte* w, int64_t stride) {
  _tile_loadd(4, w, 64);
  if constexpr (kRows == 2) _tile_loadd(5, w + stride, 64);
}
template <int kRows, int kBlocks>
inline void load_and_multiply(const std::byte* x, int64_t stride) {
  _tile_loadd(6, x, 64);
  _tile_dpbf16ps(0, 4, 6);
  if constexpr (kRows == 2) _tile_dpbf16ps(2, 5, 6);
  if constexpr (kBlocks == 2) {
    _tile_loadd(7, x + stride, 64);
    _tile_dpbf16ps(1, 4, 7);
    if constexpr (kRows == 2) _tile_dpbf16ps(3, 5, 7);
  }
}

// sums += w x over `steps`; tiles of w are [panel][step][term], of x [block][step][term]; the product of two second
// terms is below what either has lost.
template <int kWeightTerms, int kTerms, int kRows, int kBlocks>
inline void add_products(const std::byte* w, int64_t w_stride, const std::byte* x, int64_t x_stride, int64_t steps) {
  settle_memory();
  for (int64_t step = 0; step < steps; ++step) {
    load_weights<kRows>(w, w_stride);
    load_and_multiply<kRows, kBlocks>(x, x_stride);
    if constexpr (kTerms == 2) load_and_multiply<kRows, kBlocks>(x + kTileBytes, x_stride);
    if constexpr (kWeightTerms == 2) {
      load_weights<kRows>(w + kTileBytes, w_stride);
      load_and_multiply<kRows, kBlocks>(x, x_stride);
    }
    w += kWeightTerms * kTileBytes;
    x += kTerms * kTileBytes;
  }
}

// Products with weights
// ----------------------------------------------------------------------------------------------------------------------

struct LinearScratch {
  alignas(64) std::byte tiles[kPanels][kStepTerms][kTileBytes];
  alignas(64) float row[kStepTerms * kDepth];
};

constexpr int64_t kPanelStride = kStepTerms * kTileBytes;

// An output's weights to its line of the panel's tiles; zero beyond `inputs`.
template <int kWeightTerms>
void unpack_row(const LinearPiece& piece, int64_t output, int64_t first_input, int64_t inputs, LinearScratch& scratch) {
  const int64_t block_values = tensor::info(piece.dtype).values, block_bytes = tensor::info(piece.dtype).bytes;
  const std::byte* stored =
      piece.weights + static_cast<size_t>(output) * piece.row_stride + first_input / block_values * block_bytes;
  std::byte* line = scratch.tiles[output / kPanel][0] + output % kPanel * 64;
  if (piece.dtype == tensor::DType::kBF16) {
    for (int64_t input = 0; input < inputs; input += kDepth, line += kWeightTerms * kTileBytes) {
      const int64_t rest = inputs - input;
      const __mmask32 lanes = rest >= kDepth ? ~__mmask32{0} : (__mmask32{1} << rest) - 1;
      _mm512_store_si512(line, _mm512_maskz_loadu_epi16(lanes, stored + 2 * input));
    }
    return;
  }
  avx2::decode_row(piece.dtype, stored, scratch.row, inputs);
  if (inputs % kDepth != 0) std::memset(scratch.row + inputs, 0, static_cast<size_t>(kDepth - inputs % kDepth) * 4);
  for (int64_t input = 0; input < inputs; input += kDepth, line += kWeightTerms * kTileBytes) {
    __m512 low = _mm512_load_ps(scratch.row + input), high = _mm512_load_ps(scratch.row + input + 16);
    const auto words = reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(high, low));
    _mm512_store_si512(line, words);
    if constexpr (kWeightTerms == 2) {
      const auto widened = [](__m256i halves) {
        return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
      };
      low = _mm512_sub_ps(low, widened(_mm512_castsi512_si256(words)));
      high = _mm512_sub_ps(high, widened(_mm512_extracti64x4_epi64(words, 1)));
      _mm512_store_si512(line + kTileBytes, reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(high, low)));
    }
  }
}

// Bias and activation, for a panel of a block.
void finish(const LinearPiece& piece, int64_t first_output, int64_t block) {
  float* y = piece.y + block * piece.y_stride + first_output * kBlockRows;
  for (int64_t output = 0; output < kPanel; ++output, y += kBlockRows) {
    __m512 value = _mm512_loadu_ps(y);
    if (piece.bias != nullptr) value = _mm512_add_ps(value, _mm512_set1_ps(piece.bias[first_output + output]));
    _mm512_storeu_ps(y, piece.gelu ? gelu<avx512::Lanes>(value) : value);
  }
}

// Weights that are wanted next: asked for a little at a time while tiles multiply, because memory gives them more
// slowly than they are multiplied.
class Ahead {
 public:
  Ahead() = default;
  // `bytes` of each of `rows` rows, over `times` calls of ask().
  Ahead(const std::byte* from, size_t row_stride, int64_t rows, int64_t bytes, int64_t times)
      : from_(from),
        row_stride_(row_stride),
        rows_(rows),
        bytes_(bytes),
        each_(blocks_of(rows * blocks_of(bytes, 64), times)) {}
  void ask() {
    for (int64_t line = 0; line < each_ && row_ < rows_; ++line) {
      _mm_prefetch(reinterpret_cast<const char*>(from_ + static_cast<size_t>(row_) * row_stride_ + byte_), _MM_HINT_T1);
      byte_ += 64;
      if (byte_ < bytes_) continue;
      byte_ = 0;
      ++row_;
    }
  }

 private:
  const std::byte* from_ = nullptr;
  size_t row_stride_ = 0;
  int64_t rows_ = 0, bytes_ = 0, each_ = 0;
  int64_t row_ = 0, byte_ = 0;
};

struct Chunk {
  int64_t first_step, steps;
  bool first, last;
};

template <int kWeightTerms, int kTerms, int kRows, int kBlocks>
void meet(const LinearPiece& piece, const LinearScratch& scratch, const Chunk& chunk, int64_t output, int64_t block) {
  float* y = piece.y + block * piece.y_stride + output * kBlockRows;
  if (chunk.first && !piece.add)
    zero_sums<kRows, kBlocks>();
  else
    load_sums<kRows, kBlocks>(y, piece.y_stride);
  add_products<kWeightTerms, kTerms, kRows, kBlocks>(
      scratch.tiles[output / kPanel][0], kPanelStride,
      piece.x + static_cast<size_t>(block) * piece.x_stride + chunk.first_step * kTerms * kTileBytes,
      static_cast<int64_t>(piece.x_stride), chunk.steps);
  store_sums<kRows, kBlocks>(y, piece.y_stride);
  if (chunk.last && (piece.bias != nullptr || piece.gelu))
    for (int panel = 0; panel < kRows; ++panel)
      for (int index = 0; index < kBlocks; ++index) finish(piece, output + panel * kPanel, block + index);
}

template <int kWeightTerms, int kTerms, int kRows>
void meet_all(const LinearPiece& piece, const LinearScratch& scratch, const Chunk& chunk, int64_t output,
              Ahead* ahead) {
  int64_t block = 0;
  for (; block + 2 <= piece.blocks; block += 2) {
    ahead->ask();
    meet<kWeightTerms, kTerms, kRows, 2>(piece, scratch, chunk, output, block);
  }
  if (block < piece.blocks) meet<kWeightTerms, kTerms, kRows, 1>(piece, scratch, chunk, output, block);
}

template <int kWeightTerms, int kTerms>
void add_chunk(const LinearPiece& group, const Chunk& chunk, Ahead* ahead) {
  auto& scratch = *reinterpret_cast<LinearScratch*>(group.scratch);
  const int64_t first_input = chunk.first_step * kDepth, rest = group.inputs - first_input;
  const int64_t inputs = rest < chunk.steps * kDepth ? rest : chunk.steps * kDepth;
  for (int64_t output = 0; output < group.outputs; ++output)
    unpack_row<kWeightTerms>(group, output, first_input, inputs, scratch);
  int64_t output = 0;
  for (; output + 2 * kPanel <= group.outputs; output += 2 * kPanel)
    meet_all<kWeightTerms, kTerms, 2>(group, scratch, chunk, output, ahead);
  if (output < group.outputs) meet_all<kWeightTerms, kTerms, 1>(group, scratch, chunk, output, ahead);
}

// A chunk's weights of a group, asked for while as many others multiply.
Ahead weights_ahead(const LinearPiece& group, int64_t first_input, int64_t inputs) {
  const int64_t block_values = tensor::info(group.dtype).values, block_bytes = tensor::info(group.dtype).bytes;
  return Ahead(group.weights + first_input / block_values * block_bytes, group.row_stride, group.outputs,
               inputs / block_values * block_bytes,
               kGroupOutputs / (2 * kPanel) * (group.blocks > 1 ? group.blocks / 2 : 1));
}

// Rows of a chunk stay in the second cache while the weights of all outputs pass by.
template <int kWeightTerms, int kTerms>
void multiply(const LinearPiece& piece) {
  constexpr int64_t kChunkSteps = kStepTerms / kTerms;
  const int64_t steps = blocks_of(piece.inputs, kDepth);
  for (int64_t first_step = 0; first_step < steps; first_step += kChunkSteps) {
    const Chunk chunk = {first_step, steps - first_step < kChunkSteps ? steps - first_step : kChunkSteps,
                         first_step == 0, first_step + kChunkSteps >= steps};
    for (int64_t output = 0; output < piece.outputs; output += kGroupOutputs) {
      // What is multiplied next: the chunk's next group, or the next chunk's first.
      const bool last_group = output + kGroupOutputs >= piece.outputs;
      const int64_t next_input = (first_step + (last_group ? kChunkSteps : 0)) * kDepth;
      const int64_t rest = piece.inputs - next_input;
      Ahead ahead = rest <= 0 ? Ahead()
                              : weights_ahead(group_of(piece, last_group ? 0 : output + kGroupOutputs), next_input,
                                              rest < kChunkSteps * kDepth ? rest : kChunkSteps * kDepth);
      add_chunk<kWeightTerms, kTerms>(group_of(piece, output), chunk, &ahead);
    }
  }
}

void linear(const LinearPiece& piece) {
  configure_whole_tiles();
  if (piece.rounded)
    multiply<1, 1>(piece);
  else if (piece.dtype == tensor::DType::kBF16)
    multiply<1, 2>(piece);
  else
    multiply<2, 2>(piece);
  _tile_release();
}

// Attention
// ----------------------------------------------------------------------------------------------------------------------
// Scores are [key][16 queries], so that softmax runs down the lanes and its weights are tiles of rows again.

struct HeadScratch {
  std::byte* keys;     // [block][step of the head][term]: a line a key
  std::byte* values;   // [panel of the head][step of keys][term]: a line a number of the head
  std::byte* queries;  // [2][step of the head][term]
  std::byte* weights;  // [2][step of keys][term]
  float* scores;       // [2][key][16]
  float* out;          // [2][2][16][16]
};

struct HeadShape {
  int64_t steps, panels, key_steps;
};
HeadShape shape_of(int64_t blocks, int64_t head_width) {
  return {blocks_of(head_width, kDepth), blocks_of(head_width, kPanel), blocks_of(blocks, 2)};
}

size_t attend_scratch(int64_t blocks, int64_t head_width) {
  const HeadShape shape = shape_of(blocks, head_width);
  return static_cast<size_t>(
      (blocks * shape.steps + shape.panels * shape.key_steps + 2 * shape.steps + 2 * shape.key_steps) * 2 * kTileBytes +
      2 * blocks * kTileBytes + 4 * kTileBytes);
}

template <int kTerms>
HeadScratch divide_scratch(const TileHead& head, const HeadShape& shape) {
  HeadScratch scratch;
  scratch.keys = head.scratch;
  scratch.values = scratch.keys + head.blocks * shape.steps * kTerms * kTileBytes;
  scratch.queries = scratch.values + shape.panels * shape.key_steps * kTerms * kTileBytes;
  scratch.weights = scratch.queries + 2 * shape.steps * kTerms * kTileBytes;
  scratch.scores = reinterpret_cast<float*>(scratch.weights + 2 * shape.key_steps * kTerms * kTileBytes);
  scratch.out = scratch.scores + 2 * head.blocks * 256;
  return scratch;
}

// Pair `pair` of a block's heads, turned and in terms; zero beyond the head.
template <int kTerms>
void turned_pair(const TileHead& head, const float* x, int64_t block, int64_t pair, float scale,
                 __m512i (&words)[kTerms]) {
  if (2 * pair >= head.head_width) {
    for (__m512i& word : words) word = _mm512_setzero_si512();
    return;
  }
  const float* from = x + block * head.stride + 2 * pair * kBlockRows;
  const int64_t angle = (block * head.head_width / 2 + pair) * kBlockRows;
  const __m512 cosine = _mm512_mul_ps(_mm512_loadu_ps(head.cosines + angle), _mm512_set1_ps(scale));
  const __m512 sine = _mm512_mul_ps(_mm512_loadu_ps(head.sines + angle), _mm512_set1_ps(scale));
  const __m512 a = _mm512_loadu_ps(from), b = _mm512_loadu_ps(from + kBlockRows);
  pair_terms(_mm512_fnmadd_ps(b, sine, _mm512_mul_ps(a, cosine)), _mm512_fmadd_ps(a, sine, _mm512_mul_ps(b, cosine)),
             words);
}

template <int kTerms>
void prepare_keys(const TileHead& head, const HeadShape& shape, const HeadScratch& scratch) {
  for (int64_t block = 0; block < head.blocks; ++block)
    for (int64_t step = 0; step < shape.steps; ++step) {
      __m512i pairs[kTerms][16];
      for (int64_t pair = 0; pair < 16; ++pair) {
        __m512i words[kTerms];
        turned_pair(head, head.k, block, step * 16 + pair, 1.0f, words);
        for (int term = 0; term < kTerms; ++term) pairs[term][pair] = words[term];
      }
      for (int term = 0; term < kTerms; ++term) {
        transpose_16x16(pairs[term]);
        std::byte* tile = scratch.keys + ((block * shape.steps + step) * kTerms + term) * kTileBytes;
        for (int64_t key = 0; key < 16; ++key) _mm512_store_si512(tile + key * 64, pairs[term][key]);
      }
    }
}

template <int kTerms>
void prepare_values(const TileHead& head, const HeadShape& shape, const HeadScratch& scratch) {
  for (int64_t index = 0; index < shape.panels * kPanel; ++index)
    for (int64_t step = 0; step < shape.key_steps; ++step) {
      const auto numbers = [&](int64_t block) {
        return index < head.head_width && block < head.blocks
                   ? _mm512_loadu_ps(head.v + block * head.stride + index * kBlockRows)
                   : _mm512_setzero_ps();
      };
      __m512 low = numbers(2 * step), high = numbers(2 * step + 1);
      for (int term = 0; term < kTerms; ++term) {
        const auto words = reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(high, low));
        _mm512_store_si512(scratch.values + ((index / kPanel * shape.key_steps + step) * kTerms + term) * kTileBytes +
                               index % kPanel * 64,
                           words);
        if (term + 1 == kTerms) break;
        const auto widened = [](__m256i halves) {
          return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
        };
        low = _mm512_sub_ps(low, widened(_mm512_castsi512_si256(words)));
        high = _mm512_sub_ps(high, widened(_mm512_extracti64x4_epi64(words, 1)));
      }
    }
}

// 2^x for x <= 0, within 2^-22 where there are two terms, else 2^-18.
template <int kTerms>
inline __m512 power_of_two(__m512 x) {
  const __m512 rest = _mm512_reduce_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);  // x less the nearest integer
  // Fitted at Chebyshev's points of [-1/2, 1/2] with even relative error.
  __m512 p;
  if constexpr (kTerms == 2) {
    p = _mm512_set1_ps(1.53375768e-4f);
    p = _mm512_fmadd_ps(p, rest, _mm512_set1_ps(1.33998604e-3f));
    p = _mm512_fmadd_ps(p, rest, _mm512_set1_ps(9.61851953e-3f));
    p = _mm512_fmadd_ps(p, rest, _mm512_set1_ps(5.55032900e-2f));
    p = _mm512_fmadd_ps(p, rest, _mm512_set1_ps(2.40226466e-1f));
    p = _mm512_fmadd_ps(p, rest, _mm512_set1_ps(6.93147206e-1f));
    p = _mm512_fmadd_ps(p, rest, _mm512_set1_ps(1.0f));
  } else {
    p = _mm512_set1_ps(9.56051e-3f);
    p = _mm512_fmadd_ps(p, rest, _mm512_set1_ps(5.591704e-2f));
    p = _mm512_fmadd_ps(p, rest, _mm512_set1_ps(2.4024981e-1f));
    p = _mm512_fmadd_ps(p, rest, _mm512_set1_ps(6.9312197e-1f));
    p = _mm512_fmadd_ps(p, rest, _mm512_set1_ps(9.9999919e-1f));
  }
  return _mm512_scalef_ps(p, _mm512_sub_ps(x, rest));
}

// Weights of one block of queries, as tiles of rows, from scores in units of ln 2; returns one divided by their sum.
template <int kTerms>
__m512 softmax(const float* scores, int64_t tokens, int64_t key_steps, std::byte* weights) {
  constexpr int kChains = 4;
  __m512 largest[kChains];
  for (__m512& each : largest) each = _mm512_load_ps(scores);
  for (int64_t token = 0; token < tokens; ++token)
    largest[token % kChains] = _mm512_max_ps(largest[token % kChains], _mm512_load_ps(scores + token * 16));
  const __m512 most = _mm512_max_ps(_mm512_max_ps(largest[0], largest[1]), _mm512_max_ps(largest[2], largest[3]));
  __m512 total[2] = {_mm512_setzero_ps(), _mm512_setzero_ps()};
  for (int64_t pair = 0; pair < key_steps * 16; ++pair) {
    __m512 both[2];
#pragma GCC unroll 2
    for (int index = 0; index < 2; ++index) {
      const int64_t token = 2 * pair + index;
      both[index] = token < tokens ? power_of_two<kTerms>(_mm512_sub_ps(_mm512_load_ps(scores + token * 16), most))
                                   : _mm512_setzero_ps();
      total[index] = _mm512_add_ps(total[index], both[index]);
    }
    __m512i words[kTerms];
    pair_terms(both[0], both[1], words);
    for (int term = 0; term < kTerms; ++term)
      _mm512_store_si512(weights + ((pair / 16) * kTerms + term) * kTileBytes + pair % 16 * 64, words[term]);
  }
  return _mm512_div_ps(_mm512_set1_ps(1.0f), _mm512_add_ps(total[0], total[1]));
}

template <int kTerms, int kRows, int kBlocks>
void score(const HeadShape& shape, const HeadScratch& scratch, int64_t key_block, int64_t score_stride) {
  zero_sums<kRows, kBlocks>();
  const int64_t keys = shape.steps * kTerms * kTileBytes;
  add_products<kTerms, kTerms, kRows, kBlocks>(scratch.keys + key_block * keys, keys, scratch.queries, keys,
                                               shape.steps);
  store_sums<kRows, kBlocks>(scratch.scores + key_block * 256, score_stride);
}

template <int kTerms, int kRows, int kBlocks>
void mix(const TileHead& head, const HeadShape& shape, const HeadScratch& scratch, int64_t panel, int64_t first_block,
         const __m512 (&inverse)[2]) {
  zero_sums<kRows, kBlocks>();
  const int64_t line = shape.key_steps * kTerms * kTileBytes;
  add_products<kTerms, kTerms, kRows, kBlocks>(scratch.values + panel * line, line, scratch.weights, line,
                                               shape.key_steps);
  store_sums<kRows, kBlocks>(scratch.out, 512);
  const int64_t rest = head.head_width - panel * kPanel;
  const int64_t numbers = rest < kRows * kPanel ? rest : kRows * kPanel;
  for (int block = 0; block < kBlocks; ++block) {
    float* to = head.out + (first_block + block) * head.stride + panel * kPanel * kBlockRows;
    for (int64_t index = 0; index < numbers; ++index)
      _mm512_storeu_ps(to + index * 16,
                       _mm512_mul_ps(_mm512_load_ps(scratch.out + block * 512 + index * 16), inverse[block]));
  }
}

template <int kTerms, int kBlocks>
void attend_blocks(const TileHead& head, const HeadShape& shape, const HeadScratch& scratch, int64_t first_block) {
  constexpr float kInverseLn2 = 1.44269504f;
  for (int64_t block = 0; block < kBlocks; ++block)
    for (int64_t pair = 0; pair < shape.steps * 16; ++pair) {
      __m512i words[kTerms];
      turned_pair(head, head.q, first_block + block, pair, head.scale * kInverseLn2, words);
      for (int term = 0; term < kTerms; ++term)
        _mm512_store_si512(
            scratch.queries + ((block * shape.steps + pair / 16) * kTerms + term) * kTileBytes + pair % 16 * 64,
            words[term]);
    }
  const int64_t score_stride = head.blocks * 256;
  int64_t key_block = 0;
  for (; key_block + 2 <= head.blocks; key_block += 2)
    score<kTerms, 2, kBlocks>(shape, scratch, key_block, score_stride);
  if (key_block < head.blocks) score<kTerms, 1, kBlocks>(shape, scratch, key_block, score_stride);
  __m512 inverse[2];
  for (int64_t block = 0; block < kBlocks; ++block)
    inverse[block] = softmax<kTerms>(scratch.scores + block * score_stride, head.tokens, shape.key_steps,
                                     scratch.weights + block * shape.key_steps * kTerms * kTileBytes);
  int64_t panel = 0;
  for (; panel + 2 <= shape.panels; panel += 2)
    mix<kTerms, 2, kBlocks>(head, shape, scratch, panel, first_block, inverse);
  if (panel < shape.panels) mix<kTerms, 1, kBlocks>(head, shape, scratch, panel, first_block, inverse);
}

template <int kTerms>
void attend_with(const TileHead& head) {
  const HeadShape shape = shape_of(head.blocks, head.head_width);
  const HeadScratch scratch = divide_scratch<kTerms>(head, shape);
  prepare_keys<kTerms>(head, shape, scratch);
  prepare_values<kTerms>(head, shape, scratch);
  int64_t block = head.first;
  for (; block + 2 <= head.end; block += 2) attend_blocks<kTerms, 2>(head, shape, scratch, block);
  if (block < head.end) attend_blocks<kTerms, 1>(head, shape, scratch, block);
}

void attend(const TileHead& head) {
  configure_whole_tiles();
  if (head.rounded)
    attend_with<1>(head);
  else
    attend_with<2>(head);
  _tile_release();
}

}  // namespace

const TowerKernels kTowerKernels = {.name = "AMX bf16",
                                    .layer_norm = Loops::layer_norm,
                                    .packed_bytes = packed_bytes,
                                    .pack = pack,
                                    .linear_scratch = sizeof(LinearScratch),
                                    .linear = linear,
                                    .attend_scratch = attend_scratch,
                                    .attend = attend};

}  // namespace paddock::kernels::amx
