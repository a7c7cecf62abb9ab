// SPDX-License-Identifier: Apache-2.0
#include "kernels/avx2/few_rows.h"

#include <algorithm>

#include "kernels/avx2/block_words.h"
#include "kernels/vector/output_walk.h"
#include "kernels/vector/unpack.h"

namespace paddock::kernels::avx2 {
namespace {

using int16::ActivationBlock;
using int16::kBlock;

using Chunk = int16::Chunk<const ActivationBlock>;
using Walk = OutputWalk<kWidth>;

// Of each of eight outputs, sums that are its sum together.
using Parts = __m256i[kWidth];

// Lane i is the sum of the lanes of parts[i].
__m256i add_up(const Parts& parts) {
  const auto pair = [](__m256i a, __m256i b) {
    return _mm256_add_epi32(_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
  };
  const auto quad = [&](__m256i a, __m256i b, __m256i c, __m256i d) {
    const __m256i even = pair(a, c), odd = pair(b, d);
    return _mm256_add_epi32(_mm256_unpacklo_epi32(even, odd), _mm256_unpackhi_epi32(even, odd));
  };
  const __m256i low = quad(parts[0], parts[1], parts[2], parts[3]), high = quad(parts[4], parts[5], parts[6], parts[7]);
  return _mm256_add_epi32(_mm256_permute2x128_si256(low, high, 0x20), _mm256_permute2x128_si256(low, high, 0x31));
}

// What 32 activations are to a row's words, in halves or together.
template <bool kHalves>
void meet(const ActivationBlock& x, const Words& words, int row, Parts (&parts)[2]) {
  const auto load = [&](int at) { return _mm256_load_si256(reinterpret_cast<const __m256i*>(x.quants + at)); };
  const __m256i first = _mm256_madd_epi16(words.first, load(0)), second = _mm256_madd_epi16(words.second, load(16));
  if constexpr (kHalves) {
    parts[0][row] = first;
    parts[1][row] = second;
  } else {
    parts[0][row] = _mm256_add_epi32(first, second);
  }
}

// sums + what the parts of a block stand for; `added` was added to each weight.
template <bool kHalves, bool kOffsets, int kAdded>
__m256 add_block(const ActivationBlock& x, const Parts (&parts)[2], const Scales& scales, int64_t block, __m256 sums) {
  const auto add = [&](const Parts& of, int64_t group, int32_t total, float values) {
    __m256i dots = add_up(of);
    if constexpr (kAdded > 0) dots = _mm256_sub_epi32(dots, _mm256_set1_epi32(kAdded * total));
    sums = int16::add_share<kOffsets>(dots, scales.scales[group], scales.offsets[group], x.scale, values, sums);
  };
  if constexpr (kHalves) {
    add(parts[0], 2 * block, x.half_totals[0], x.half_sums[0]);
    add(parts[1], 2 * block + 1, x.half_totals[1], x.half_sums[1]);
  } else {
    add(parts[0], block, x.total, x.sum);
  }
  return sums;
}

template <int kTokens>
void write_lanes(const ProductPiece& piece, const Walk& walk, const __m256 (&sums)[kTokens]) {
  for (int token = 0; token < kTokens; ++token) {
    alignas(32) float values[kWidth];
    _mm256_store_ps(values, sums[token]);
    for (int64_t lane = 0; lane < kWidth; ++lane)
      if (walk.outputs[lane] < piece.outputs) int16::write(piece, token, walk.outputs[lane], values[lane]);
  }
}

template <typename Format, int kTokens>
void multiply_lanes(const ProductPiece& piece, const Walk& walk) {
  const std::byte* rows[kWidth];
  walk.find_rows(piece, rows);
  __m256 sums[kTokens];
  std::fill_n(sums, kTokens, _mm256_setzero_ps());
  Scales scales;
  for (int64_t input = 0; input < piece.inputs; input += kChunk) {
    const Chunk x(piece.x, piece.tokens, piece.inputs, input);
    Format::prepare(rows, x.blocks, scales);
    for (int64_t first = 0; first < x.blocks; first += Format::kLoaded) {
      // Together the blocks ask for all of a chunk, one row each.
      for (int64_t row = first; row < first + Format::kLoaded; ++row)
        for (int64_t byte = 0; byte < Format::kChunkBytes; byte += 64)
          _mm_prefetch(reinterpret_cast<const char*>(rows[row] + walk.ahead + byte), _MM_HINT_T0);
      Parts parts[Format::kLoaded][kTokens][2];
#pragma GCC unroll 8
      for (int row = 0; row < kWidth; ++row) {
        const typename Format::Raw raw = Format::load(rows[row], first);
#pragma GCC unroll 4
        for (int64_t next = 0; next < Format::kLoaded; ++next) {
          const Words words = Format::words(raw, first + next);
#pragma GCC unroll 4
          for (int token = 0; token < kTokens; ++token)
            meet<Format::kHalves>(x.of(token)[first + next], words, row, parts[next][token]);
        }
      }
#pragma GCC unroll 4
      for (int64_t next = 0; next < Format::kLoaded; ++next)
#pragma GCC unroll 4
        for (int token = 0; token < kTokens; ++token)
          sums[token] = add_block<Format::kHalves, Format::kOffsets, Format::kAdded>(
              x.of(token)[first + next], parts[next][token], scales, first + next, sums[token]);
    }
    for (const std::byte*& row : rows) row += Format::kChunkBytes;
  }
  write_lanes(piece, walk, sums);
}

// Formats without words of their own go through the integers of a chunk.
template <int kTokens, bool kHalves, bool kOffsets>
void multiply_unpacked(const ProductPiece& piece, const Unpacker& unpacker, const Walk& walk) {
  const tensor::DTypeInfo& info = tensor::info(piece.dtype);
  const std::byte* rows[kWidth];
  walk.find_rows(piece, rows);
  __m256 sums[kTokens];
  std::fill_n(sums, kTokens, _mm256_setzero_ps());
  Scales scales;
  alignas(32) int8_t quants[kWidth][kChunk];
  for (int64_t input = 0; input < piece.inputs; input += kChunk) {
    const Chunk x(piece.x, piece.tokens, piece.inputs, input);
    const int64_t count = x.blocks * kBlock, bytes = count / info.values * info.bytes;
    for (int row = 0; row < kWidth; ++row) {
      for (int64_t byte = 0; byte < bytes; byte += 64)
        _mm_prefetch(reinterpret_cast<const char*>(rows[row] + walk.ahead + byte), _MM_HINT_T0);
      unpacker.unpack(rows[row], count, quants[row], &scales.scales[0][row], &scales.offsets[0][row], kWidth);
      rows[row] += bytes;
    }
    for (int64_t block = 0; block < x.blocks; ++block) {
      Parts parts[kTokens][2];
#pragma GCC unroll 8
      for (int row = 0; row < kWidth; ++row) {
        const int8_t* of_row = &quants[row][block * kBlock];
        const Words words = {_mm256_cvtepi8_epi16(load_16_bytes(of_row)),
                             _mm256_cvtepi8_epi16(load_16_bytes(of_row + 16))};
#pragma GCC unroll 4
        for (int token = 0; token < kTokens; ++token) meet<kHalves>(x.of(token)[block], words, row, parts[token]);
      }
#pragma GCC unroll 4
      for (int token = 0; token < kTokens; ++token)
        sums[token] = add_block<kHalves, kOffsets, 0>(x.of(token)[block], parts[token], scales, block, sums[token]);
    }
  }
  write_lanes(piece, walk, sums);
}

template <int kTokens>
void multiply_lanes_of(const ProductPiece& piece, const Walk& walk) {
  using tensor::DType;
  switch (piece.dtype) {
    case DType::kQ4_0: return multiply_lanes<Q4_0, kTokens>(piece, walk);
    case DType::kQ4_1: return multiply_lanes<Q4_1, kTokens>(piece, walk);
    case DType::kQ8_0: return multiply_lanes<Q8_0, kTokens>(piece, walk);
    case DType::kQ2_K: return multiply_lanes<Q2K, kTokens>(piece, walk);
    case DType::kQ3_K: return multiply_lanes<Q3K, kTokens>(piece, walk);
    case DType::kQ4_K: return multiply_lanes<Q4K, kTokens>(piece, walk);
    case DType::kQ5_K: return multiply_lanes<Q5K, kTokens>(piece, walk);
    case DType::kQ6_K: return multiply_lanes<Q6K, kTokens>(piece, walk);
    case DType::kIQ4_NL: return multiply_lanes<Iq4Nl, kTokens>(piece, walk);
    case DType::kMXFP4: return multiply_lanes<Mxfp4, kTokens>(piece, walk);
    default: break;
  }
  const Unpacker& unpacker = *avx2::unpacker(piece.dtype);
  if (unpacker.group == 16)
    unpacker.offsets ? multiply_unpacked<kTokens, true, true>(piece, unpacker, walk)
                     : multiply_unpacked<kTokens, true, false>(piece, unpacker, walk);
  else
    unpacker.offsets ? multiply_unpacked<kTokens, false, true>(piece, unpacker, walk)
                     : multiply_unpacked<kTokens, false, false>(piece, unpacker, walk);
}

}  // namespace

void multiply_few_rows(const ProductPiece& piece) {
  for (int64_t step = 0; step < Walk::steps(piece); ++step) {
    const Walk walk(piece, step);
    static_assert(kFewTokens == 2);
    piece.tokens == 1 ? multiply_lanes_of<1>(piece, walk) : multiply_lanes_of<2>(piece, walk);
  }
}

}  // namespace paddock::kernels::avx2
