// SPDX-License-Identifier: Apache-2.0
#include "kernels/avx2/few_rows.h"

#include <algorithm>

#include "kernels/avx2/block_quants.h"
#include "kernels/vector/output_walk.h"

namespace paddock::kernels::avx2 {
namespace {

using int16::ActivationBlock;

using Chunk = int16::Chunk<const ActivationBlock>;
using Walk = OutputWalk<kWidth>;

// Of outputs i and i + 4 of eight, in the halves of each register, sums that are theirs together.
using Parts = __m256i[kWidth / 2];

// Lane i is the sum of those of output i.
__m256i add_up(const Parts& parts) {
  const auto pair = [](__m256i a, __m256i b) {
    return _mm256_add_epi32(_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
  };
  const __m256i even = pair(parts[0], parts[2]), odd = pair(parts[1], parts[3]);
  return _mm256_add_epi32(_mm256_unpacklo_epi32(even, odd), _mm256_unpackhi_epi32(even, odd));
}

// Quants of two outputs' block as words, of which those with signs are made unsigned: even inputs of the first sixteen
// and of the others, then the odd ones.
struct Words {
  explicit Words(const Quants& quants)
      : of{even(quants.first), even(quants.second), odd(quants.first), odd(quants.second)} {}
  static __m256i even(__m256i bytes) { return _mm256_and_si256(bytes, _mm256_set1_epi16(0xff)); }
  static __m256i odd(__m256i bytes) { return _mm256_srli_epi16(bytes, 8); }

  __m256i of[4];
};

__m256i add_128(__m256i bytes) { return _mm256_xor_si256(bytes, _mm256_set1_epi8(-128)); }

// What 32 activations are to two outputs' words, in halves or together.
template <bool kHalves>
void meet(const ActivationBlock& x, const Words& words, int two, Parts (&parts)[2]) {
  const auto meet_eight = [&](int at) {
    const auto* eight = reinterpret_cast<const __m128i*>(x.quants + 8 * at);
    return _mm256_madd_epi16(words.of[at], _mm256_broadcastsi128_si256(_mm_load_si128(eight)));
  };
  const __m256i first = _mm256_add_epi32(meet_eight(0), meet_eight(2)),
                second = _mm256_add_epi32(meet_eight(1), meet_eight(3));
  // Named, sums are made where they stand: the compiler would make all products first and put them into memory.
  if constexpr (kHalves) {
    parts[0][two] = first;
    parts[1][two] = second;
    __asm__ volatile("" : "+x"(parts[0][two]), "+x"(parts[1][two]));
  } else {
    parts[0][two] = _mm256_add_epi32(first, second);
    __asm__ volatile("" : "+x"(parts[0][two]));
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

// Not inlined: formats would share registers and stack.
template <int kTokens, typename Format>
[[gnu::noinline]] void multiply_lanes(const ProductPiece& piece, const Walk& walk, Format& format) {
  constexpr int kAdded = Format::kAdded == kSigned ? 128 : Format::kAdded;
  const int64_t bytes = format.chunk_bytes();
  const std::byte* stored[kWidth];
  walk.find_rows(piece, stored);
  __m256 sums[kTokens];
  std::fill_n(sums, kTokens, _mm256_setzero_ps());
  Scales scales;
  for (int64_t input = 0; input < piece.inputs; input += kChunk) {
    const Chunk x(piece.x, piece.tokens, piece.inputs, input);
    format.prepare(stored, x.blocks, scales);
    RowsOfWeights rows = format.rows(stored);
    for (int64_t first = 0; first < x.blocks; first += Format::kLoaded) {
      // Together the blocks ask for all of a chunk, one row each.
      for (int64_t row = first; row < first + Format::kLoaded; ++row)
#pragma GCC unroll 8
        for (int64_t byte = 0; byte < bytes; byte += 64)
          _mm_prefetch(reinterpret_cast<const char*>(stored[row] + walk.ahead + byte), _MM_HINT_T0);
      Parts parts[Format::kLoaded][kTokens][2];
#pragma GCC unroll 4
      for (int two = 0; two < kWidth / 2; ++two) {
        const auto raw = Format::load([&](int run) {
          const int64_t at = Format::run(first, run);
          return load_run(rows[two] + at, rows[two + 4] + at);
        });
#pragma GCC unroll 4
        for (int64_t next = 0; next < Format::kLoaded; ++next) {
          Quants quants = Format::quants(raw, first + next);
          if constexpr (Format::kAdded == kSigned) quants = {add_128(quants.first), add_128(quants.second)};
          const Words words(quants);
#pragma GCC unroll 4
          for (int token = 0; token < kTokens; ++token)
            meet<Format::kHalves>(x.of(token)[first + next], words, two, parts[next][token]);
        }
      }
#pragma GCC unroll 4
      for (int64_t next = 0; next < Format::kLoaded; ++next)
#pragma GCC unroll 4
        for (int token = 0; token < kTokens; ++token)
          sums[token] = add_block<Format::kHalves, Format::kOffsets, kAdded>(
              x.of(token)[first + next], parts[next][token], scales, first + next, sums[token]);
    }
    for (const std::byte*& row : stored) row += bytes;
  }
  write_lanes(piece, walk, sums);
}

}  // namespace

void multiply_few_rows(const ProductPiece& piece) {
  with_format(piece.dtype, [&](auto&& format) {
    for (int64_t step = 0; step < Walk::steps(piece); ++step) {
      const Walk walk(piece, step);
      static_assert(kFewTokens == 2);
      piece.tokens == 1 ? multiply_lanes<1>(piece, walk, format) : multiply_lanes<2>(piece, walk, format);
    }
  });
}

}  // namespace paddock::kernels::avx2
