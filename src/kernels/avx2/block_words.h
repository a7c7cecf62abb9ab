// SPDX-License-Identifier: Apache-2.0
#pragma once
// Stored weights as words, for products that meet them as they lie. Each format tells how many bytes a chunk of 256
// inputs takes, how many blocks of 32 lie in the bytes that it loads at once, and what was added to its quants to make
// them unsigned, and gives the scales of eight outputs' chunk and the words of a block of one.

#include <cstddef>
#include <cstdint>

#include "kernels/avx2/int16_blocks.h"
#include "kernels/avx2/k_scales.h"

namespace paddock::kernels::avx2 {
namespace {

using int16::kChunk;
using int16::kWidth;

using RowsOfWeights = const std::byte* const (&)[kWidth];

struct Scales {
  alignas(32) float scales[kChunk / 16][kWidth];  // of groups of 16 or 32
  alignas(32) float offsets[kChunk / 16][kWidth];
};

struct Words {
  __m256i first, second;  // sixteen each
};

inline __m256i widen(const std::byte* sixteen) { return _mm256_cvtepu8_epi16(load_16_bytes(sixteen)); }
inline __m256i low_nibbles(__m256i words) { return _mm256_and_si256(words, _mm256_set1_epi16(15)); }
inline __m256i high_nibbles(__m256i words) { return _mm256_srli_epi16(words, 4); }
// `bits` of each word, from bit `from` on, put to bit `to`.
inline __m256i move_bits(__m256i words, int64_t from, int to, int bits) {
  const __m256i low = _mm256_srl_epi16(words, _mm_cvtsi64_si128(from));
  return _mm256_and_si256(_mm256_slli_epi16(low, to), _mm256_set1_epi16(static_cast<int16_t>(((1 << bits) - 1) << to)));
}

// floats[block][output] of the binary16 numbers that lie kStride apart.
template <int64_t kStride>
inline void load_halves(RowsOfWeights rows, int64_t first, int64_t blocks, float (*floats)[kWidth]) {
  constexpr int64_t kBlocks = kChunk / int16::kBlock;
  alignas(16) uint16_t halves[kBlocks][kWidth];
  const auto copy = [&](int64_t output, int64_t block) {
    uint16_t half = load_u16(rows[output] + first + block * kStride);
    __asm__("" : "+r"(half));  // one by one through memory: gathered in a register they would be shuffled
    halves[block][output] = half;
  };
  for (int64_t output = 0; output < kWidth; ++output)
    if (blocks == kBlocks) {
#pragma GCC unroll 8
      for (int64_t block = 0; block < kBlocks; ++block) copy(output, block);
    } else {
      for (int64_t block = 0; block < blocks; ++block) copy(output, block);
    }
  __asm__ volatile("" : "+m"(halves));
  for (int64_t block = 0; block < blocks; ++block)
    _mm256_store_ps(floats[block], _mm256_cvtph_ps(_mm_load_si128(reinterpret_cast<const __m128i*>(halves[block]))));
}

struct Q4_0 {
  static constexpr int64_t kBlockBytes = 18, kChunkBytes = 8 * kBlockBytes, kLoaded = 1;
  static constexpr int kAdded = 8;
  static constexpr bool kOffsets = false, kHalves = false;
  using Raw = __m256i;
  static void prepare(RowsOfWeights rows, int64_t blocks, Scales& to) {
    load_halves<kBlockBytes>(rows, 0, blocks, to.scales);
  }
  static Raw load(const std::byte* row, int64_t block) { return widen(row + block * kBlockBytes + 2); }
  static Words words(const Raw& raw, int64_t) { return {low_nibbles(raw), high_nibbles(raw)}; }
};

struct Q4_1 : Q4_0 {
  static constexpr int64_t kBlockBytes = 20, kChunkBytes = 8 * kBlockBytes;
  static constexpr int kAdded = 0;
  static constexpr bool kOffsets = true;
  static void prepare(RowsOfWeights rows, int64_t blocks, Scales& to) {
    load_halves<kBlockBytes>(rows, 0, blocks, to.scales);
    load_halves<kBlockBytes>(rows, 2, blocks, to.offsets);
  }
  static Raw load(const std::byte* row, int64_t block) { return widen(row + block * kBlockBytes + 4); }
};

struct Q8_0 : Q4_0 {
  static constexpr int64_t kBlockBytes = 34, kChunkBytes = 8 * kBlockBytes;
  static constexpr int kAdded = 0;
  using Raw = Words;
  static void prepare(RowsOfWeights rows, int64_t blocks, Scales& to) {
    load_halves<kBlockBytes>(rows, 0, blocks, to.scales);
  }
  static Raw load(const std::byte* row, int64_t block) {
    const std::byte* quants = row + block * kBlockBytes + 2;
    return {_mm256_cvtepi8_epi16(load_16_bytes(quants)), _mm256_cvtepi8_epi16(load_16_bytes(quants + 16))};
  }
  static Words words(const Raw& raw, int64_t) { return raw; }
};

// Sixteen values of a table, by the nibbles of sixteen bytes.
inline Words look_up(const int8_t (&table)[16], __m128i bytes) {
  const __m128i values = load_16_bytes(table), nibble = _mm_set1_epi8(15);
  const auto of = [&](__m128i nibbles) {
    return _mm256_cvtepi8_epi16(_mm_shuffle_epi8(values, _mm_and_si128(nibbles, nibble)));
  };
  return {of(bytes), of(_mm_srli_epi16(bytes, 4))};
}

struct Iq4Nl : Q4_0 {
  static constexpr int kAdded = 0;
  using Raw = __m128i;
  static Raw load(const std::byte* row, int64_t block) { return load_16_bytes(row + block * kBlockBytes + 2); }
  static Words words(const Raw& raw, int64_t) {
    constexpr int8_t kValues[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
    return look_up(kValues, raw);
  }
};

struct Mxfp4 : Q4_0 {
  static constexpr int64_t kBlockBytes = 17, kChunkBytes = 8 * kBlockBytes;
  static constexpr int kAdded = 0;
  using Raw = __m128i;
  static void prepare(RowsOfWeights rows, int64_t blocks, Scales& to) {
    for (int64_t block = 0; block < blocks; ++block)
      for (int64_t output = 0; output < kWidth; ++output) {
        // 2^(e - 128), half of the scale: the table is doubled. Below 2^-126 floats are denormal.
        const auto exponent = static_cast<uint32_t>(rows[output][block * kBlockBytes]);
        const uint32_t bits = exponent >= 2 ? (exponent - 1) << 23 : 0x00200000u << exponent;
        std::memcpy(&to.scales[block][output], &bits, sizeof bits);
      }
  }
  static Raw load(const std::byte* row, int64_t block) { return load_16_bytes(row + block * kBlockBytes + 1); }
  static Words words(const Raw& raw, int64_t) {
    constexpr int8_t kValues[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
    return look_up(kValues, raw);
  }
};

template <typename Block>
const Block& block_at(const std::byte* row) {
  static_assert(alignof(Block) == 1);
  return *reinterpret_cast<const Block*>(row);
}

// The scales of eight outputs' blocks; `put` knows where those of one lie: put(block, scales, offsets).
template <typename Block, typename Put>
void put_scales(RowsOfWeights rows, Scales& to, const Put& put) {
  for (int64_t output = 0; output < kWidth; ++output)
    put(block_at<Block>(rows[output]), &to.scales[0][output], &to.offsets[0][output]);
}

struct Q4K {
  static constexpr int64_t kChunkBytes = 144, kLoaded = 2;
  static constexpr int kAdded = 0;
  static constexpr bool kOffsets = true, kHalves = false;
  using Raw = Words;
  static void prepare(RowsOfWeights rows, int64_t, Scales& to) {
    put_scales<tensor::BlockQ4_K>(rows, to, [](const auto& block, float* scales, float* offsets) {
      put_six_bit_scales(block, scales, offsets, kWidth);
    });
  }
  // Two blocks share 32 bytes: the low nibbles are the first's.
  static Raw load(const std::byte* row, int64_t block) {
    return {widen(row + 16 + block * 16), widen(row + 32 + block * 16)};
  }
  static Words words(const Raw& raw, int64_t block) {
    return block % 2 == 0 ? Words{low_nibbles(raw.first), low_nibbles(raw.second)}
                          : Words{high_nibbles(raw.first), high_nibbles(raw.second)};
  }
};

struct Q5K : Q4K {
  static constexpr int64_t kChunkBytes = 176;
  struct Raw {
    Words nibbles, fifths;
  };
  static void prepare(RowsOfWeights rows, int64_t, Scales& to) {
    put_scales<tensor::BlockQ5_K>(rows, to, [](const auto& block, float* scales, float* offsets) {
      put_six_bit_scales(block, scales, offsets, kWidth);
    });
  }
  static Raw load(const std::byte* row, int64_t block) {
    return {{widen(row + 48 + block * 16), widen(row + 64 + block * 16)}, {widen(row + 16), widen(row + 32)}};
  }
  static Words words(const Raw& raw, int64_t block) {
    const Words low = Q4K::words(raw.nibbles, block);
    return {_mm256_or_si256(low.first, move_bits(raw.fifths.first, block, 4, 1)),
            _mm256_or_si256(low.second, move_bits(raw.fifths.second, block, 4, 1))};
  }
};

struct Q6K {
  static constexpr int64_t kChunkBytes = 210, kLoaded = 4;
  static constexpr int kAdded = 32;
  static constexpr bool kOffsets = false, kHalves = true;
  struct Raw {
    Words nibbles[2], crumbs;
  };
  static void prepare(RowsOfWeights rows, int64_t, Scales& to) {
    put_scales<tensor::BlockQ6_K>(
        rows, to, [](const auto& block, float* scales, float*) { put_scales_of_q6_k(block, scales, kWidth); });
  }
  // Each half of the block has 64 bytes of nibbles and 32 of crumbs for its 128 values.
  static Raw load(const std::byte* row, int64_t block) {
    const std::byte *nibbles = row + block * 16, *crumbs = row + 128 + block * 8;
    return {{{widen(nibbles), widen(nibbles + 16)}, {widen(nibbles + 32), widen(nibbles + 48)}},
            {widen(crumbs), widen(crumbs + 16)}};
  }
  static Words words(const Raw& raw, int64_t block) {
    const int64_t run = block % 4;
    const Words& nibbles = raw.nibbles[run % 2];
    const auto joined = [&](__m256i nibble, __m256i crumbs) {
      return _mm256_or_si256(run < 2 ? low_nibbles(nibble) : high_nibbles(nibble), move_bits(crumbs, 2 * run, 4, 2));
    };
    return {joined(nibbles.first, raw.crumbs.first), joined(nibbles.second, raw.crumbs.second)};
  }
};

struct Q2K {
  static constexpr int64_t kChunkBytes = 84, kLoaded = 4;
  static constexpr int kAdded = 0;
  static constexpr bool kOffsets = true, kHalves = true;
  using Raw = Words;
  static void prepare(RowsOfWeights rows, int64_t, Scales& to) {
    put_scales<tensor::BlockQ2_K>(rows, to, [](const auto& block, float* scales, float* offsets) {
      put_scales_of_q2_k(block, scales, offsets, kWidth);
    });
  }
  // Four blocks share 32 bytes, two bits of each.
  static Raw load(const std::byte* row, int64_t block) {
    return {widen(row + 16 + block * 8), widen(row + 32 + block * 8)};
  }
  static Words words(const Raw& raw, int64_t block) {
    return {move_bits(raw.first, block % 4 * 2, 0, 2), move_bits(raw.second, block % 4 * 2, 0, 2)};
  }
};

struct Q3K {
  static constexpr int64_t kChunkBytes = 110, kLoaded = 4;
  static constexpr int kAdded = 4;
  static constexpr bool kOffsets = false, kHalves = true;
  struct Raw {
    Words crumbs, thirds;
  };
  static void prepare(RowsOfWeights rows, int64_t, Scales& to) {
    put_scales<tensor::BlockQ3_K>(
        rows, to, [](const auto& block, float* scales, float*) { put_scales_of_q3_k(block, scales, kWidth); });
  }
  static Raw load(const std::byte* row, int64_t block) {
    return {{widen(row + 32 + block * 8), widen(row + 48 + block * 8)}, {widen(row), widen(row + 16)}};
  }
  static Words words(const Raw& raw, int64_t block) {
    const Words low = Q2K::words(raw.crumbs, block);
    return {_mm256_or_si256(low.first, move_bits(raw.thirds.first, block, 2, 1)),
            _mm256_or_si256(low.second, move_bits(raw.thirds.second, block, 2, 1))};
  }
};

}  // namespace
}  // namespace paddock::kernels::avx2
