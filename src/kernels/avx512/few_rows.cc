// SPDX-License-Identifier: Apache-2.0
#include "kernels/avx512/few_rows.h"

#include "kernels/avx512/k_scales.h"
#include "kernels/avx512/output_lanes.h"
#include "kernels/avx512/transpose.h"
#include "kernels/avx512/wide_blocks.h"
#include "kernels/vector/int8_loops.h"

namespace paddock::kernels::avx512 {
namespace {

using int8::ActivationBlock;

constexpr int64_t kChunk = 256;  // inputs whose scales are prepared at once
constexpr int64_t kBlock = int8::kBlock;

// The scales of a chunk: [group of 32 or 16][output].
struct Scales {
  alignas(64) float scales[kChunk / 16][kOutputs];
  alignas(64) float offsets[kChunk / 16][kOutputs];
};

// 32 quants of four rows, made unsigned: the first sixteen of each, then the others.
struct Quants {
  __m512i first, second;
};

__m512i low_nibbles(__m512i bytes) { return _mm512_and_si512(bytes, _mm512_set1_epi8(15)); }
__m512i high_nibbles(__m512i bytes) { return low_nibbles(_mm512_srli_epi16(bytes, 4)); }
__m512i look_up(const int8_t (&table)[16], int offset, __m512i nibbles) {
  const __m128i values =
      _mm_add_epi8(load_16(reinterpret_cast<const std::byte*>(table)), _mm_set1_epi8(static_cast<char>(offset)));
  return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(values), nibbles);
}

// Formats. Each tells how many bytes 32 inputs take, what was added to its quants to make them unsigned, how many
// blocks of 32 lie in the bytes that it loads at once, and gives the scales of a chunk and the quants of four rows.

struct Q4_0 {
  static constexpr int64_t kBlockBytes = 18, kLoaded = 1;
  static constexpr int kAdded = 8;
  static constexpr bool kOffsets = false;
  using Raw = __m512i;
  static void prepare(const std::byte* const (&rows)[kOutputs], int64_t blocks, Scales& scales) {
    load_halves<kBlockBytes>(rows, 0, blocks, scales.scales);
  }
  static Raw load(const std::byte* const (&rows)[4], int64_t block) { return load_four(rows, block * kBlockBytes + 2); }
  static Quants quants(const Raw& raw, int64_t) { return {low_nibbles(raw), high_nibbles(raw)}; }
};

struct Iq4Nl : Q4_0 {
  static constexpr int kAdded = 128;
  static Quants quants(const Raw& raw, int64_t) {
    constexpr int8_t kValues[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
    return {look_up(kValues, kAdded, low_nibbles(raw)), look_up(kValues, kAdded, high_nibbles(raw))};
  }
};

struct Mxfp4 {
  static constexpr int64_t kBlockBytes = 17, kLoaded = 1;
  static constexpr int kAdded = 128;
  static constexpr bool kOffsets = false;
  using Raw = __m512i;
  static void prepare(const std::byte* const (&rows)[kOutputs], int64_t blocks, Scales& scales) {
    for (int64_t block = 0; block < blocks; ++block)
      for (int64_t output = 0; output < kOutputs; ++output) {
        // 2^(e - 128), half of the scale: the table is doubled. Below 2^-126 floats are denormal.
        const auto exponent = static_cast<uint32_t>(rows[output][block * kBlockBytes]);
        const uint32_t bits = exponent >= 2 ? (exponent - 1) << 23 : 0x00200000u << exponent;
        std::memcpy(&scales.scales[block][output], &bits, sizeof bits);
      }
  }
  static Raw load(const std::byte* const (&rows)[4], int64_t block) { return load_four(rows, block * kBlockBytes + 1); }
  static Quants quants(const Raw& raw, int64_t) {
    constexpr int8_t kValues[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
    return {look_up(kValues, kAdded, low_nibbles(raw)), look_up(kValues, kAdded, high_nibbles(raw))};
  }
};

struct Q4_1 : Q4_0 {
  static constexpr int64_t kBlockBytes = 20;
  static constexpr int kAdded = 0;
  static constexpr bool kOffsets = true;
  static void prepare(const std::byte* const (&rows)[kOutputs], int64_t blocks, Scales& scales) {
    load_halves<kBlockBytes>(rows, 0, blocks, scales.scales);
    load_halves<kBlockBytes>(rows, 2, blocks, scales.offsets);
  }
  static Raw load(const std::byte* const (&rows)[4], int64_t block) { return load_four(rows, block * kBlockBytes + 4); }
};

struct Q8_0 {
  static constexpr int64_t kBlockBytes = 34, kLoaded = 1;
  static constexpr int kAdded = 128;
  static constexpr bool kOffsets = false;
  using Raw = Quants;
  static void prepare(const std::byte* const (&rows)[kOutputs], int64_t blocks, Scales& scales) {
    load_halves<kBlockBytes>(rows, 0, blocks, scales.scales);
  }
  static Raw load(const std::byte* const (&rows)[4], int64_t block) {
    return {load_four(rows, block * kBlockBytes + 2), load_four(rows, block * kBlockBytes + 18)};
  }
  static Quants quants(const Raw& raw, int64_t) {
    const __m512i sign = _mm512_set1_epi8(static_cast<char>(0x80));
    return {_mm512_xor_si512(raw.first, sign), _mm512_xor_si512(raw.second, sign)};
  }
};

struct Q4K {
  static constexpr int64_t kBlockBytes = 144 / 8, kLoaded = 2;
  static constexpr int kAdded = 0;
  static constexpr bool kOffsets = true;
  using Raw = Quants;
  static void prepare(const std::byte* const (&rows)[kOutputs], int64_t, Scales& scales) {
    __m512i lanes[kOutputs];
    for (int64_t output = 0; output < kOutputs; ++output)
      lanes[output] = _mm512_castps_si512(scales_and_offsets_of_k(rows[output]));
    transpose_16x16(lanes);
    for (int64_t block = 0; block < 8; ++block) {
      _mm512_store_si512(scales.scales[block], lanes[block]);
      _mm512_store_si512(scales.offsets[block], lanes[block + 8]);
    }
  }
  // Two blocks share 32 bytes: the low nibbles are the first's.
  static Raw load(const std::byte* const (&rows)[4], int64_t block) {
    return {load_four(rows, 16 + block * 16), load_four(rows, 32 + block * 16)};
  }
  static Quants quants(const Raw& raw, int64_t block) {
    return block % 2 == 0 ? Quants{low_nibbles(raw.first), low_nibbles(raw.second)}
                          : Quants{high_nibbles(raw.first), high_nibbles(raw.second)};
  }
};

struct Q5K : Q4K {
  static constexpr int64_t kBlockBytes = 176 / 8;
  struct Raw {
    Quants nibbles, fifth;
  };
  static Raw load(const std::byte* const (&rows)[4], int64_t block) {
    return {{load_four(rows, 48 + block * 16), load_four(rows, 64 + block * 16)},
            {load_four(rows, 16), load_four(rows, 32)}};
  }
  static Quants quants(const Raw& raw, int64_t block) {
    const Quants nibbles = Q4K::quants(raw.nibbles, block);
    const auto with_fifth = [&](__m512i low, __m512i fifth) {
      const __mmask64 set = _mm512_test_epi8_mask(fifth, _mm512_set1_epi8(static_cast<char>(1 << block)));
      return _mm512_mask_add_epi8(low, set, low, _mm512_set1_epi8(16));
    };
    return {with_fifth(nibbles.first, raw.fifth.first), with_fifth(nibbles.second, raw.fifth.second)};
  }
};

struct Iq4Xs : Iq4Nl {
  static constexpr int64_t kBlockBytes = 136 / 8;
  static void prepare(const std::byte* const (&rows)[kOutputs], int64_t, Scales& scales) {
    for (int64_t output = 0; output < kOutputs; ++output) {
      uint16_t half, upper;
      uint32_t lower;
      std::memcpy(&half, rows[output], sizeof half);
      std::memcpy(&upper, rows[output] + 2, sizeof upper);
      std::memcpy(&lower, rows[output] + 4, sizeof lower);
      const float of_block = _cvtsh_ss(half);
      for (int block = 0; block < 8; ++block)
        scales.scales[block][output] =
            of_block *
            static_cast<float>(static_cast<int>((lower >> (block * 4) & 15) | (upper >> (block * 2) & 3u) << 4) - 32);
    }
  }
  static Raw load(const std::byte* const (&rows)[4], int64_t block) { return load_four(rows, 8 + block * 16); }
};

// floats[group][output] = the halves at `at` * factors(row), sixteen integers of each output.
template <typename Factors>
void multiply_halves(const std::byte* const (&rows)[kOutputs], int64_t at, Factors factors, float (*floats)[kOutputs]) {
  __m512i lanes[kOutputs];
  for (int64_t output = 0; output < kOutputs; ++output) {
    uint16_t half;
    std::memcpy(&half, rows[output] + at, sizeof half);
    lanes[output] = _mm512_castps_si512(_mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(factors(rows[output]))),
                                                      _mm512_set1_ps(_cvtsh_ss(half))));
  }
  transpose_16x16(lanes);
  for (int64_t group = 0; group < 16; ++group) _mm512_store_si512(floats[group], lanes[group]);
}

struct Q6K {
  static constexpr int64_t kBlockBytes = 0;  // 210 bytes are not eight times anything: rows are advanced by kChunkBytes
  static constexpr int64_t kChunkBytes = 210, kLoaded = 4;
  static constexpr int kAdded = 32;
  static constexpr bool kOffsets = false, kHalves = true;
  struct Raw {
    Quants nibbles[2], crumbs;
  };
  static void prepare(const std::byte* const (&rows)[kOutputs], int64_t, Scales& scales) {
    multiply_halves(
        rows, 208, [](const std::byte* row) { return load_16(row + 192); }, scales.scales);
  }
  // Each half of the block has 64 bytes of nibbles and 32 of crumbs for its 128 values.
  static Raw load(const std::byte* const (&rows)[4], int64_t block) {
    const int64_t nibbles_at = block * 16, crumbs_at = 128 + block * 8;
    return {{{load_four(rows, nibbles_at), load_four(rows, nibbles_at + 16)},
             {load_four(rows, nibbles_at + 32), load_four(rows, nibbles_at + 48)}},
            {load_four(rows, crumbs_at), load_four(rows, crumbs_at + 16)}};
  }
  static Quants quants(const Raw& raw, int64_t block) {
    const int64_t run = block % 4;
    const auto joined = [&](__m512i nibbles, __m512i crumbs) {
      const __m512i low = run < 2 ? low_nibbles(nibbles) : high_nibbles(nibbles);
      const __m512i up = run == 0   ? _mm512_slli_epi16(crumbs, 4)
                         : run == 1 ? _mm512_slli_epi16(crumbs, 2)
                         : run == 2 ? crumbs
                                    : _mm512_srli_epi16(crumbs, 2);
      return _mm512_ternarylogic_epi32(low, up, _mm512_set1_epi8(0x30), 0xf8);  // low | (up & 0x30)
    };
    const Quants& nibbles = raw.nibbles[run % 2];
    return {joined(nibbles.first, raw.crumbs.first), joined(nibbles.second, raw.crumbs.second)};
  }
};

// Sixteen scales of six bits, 32 more than they are.
__m128i scales_of_q3_k(const std::byte* packed) {
  uint32_t upper;
  std::memcpy(&upper, packed + 8, sizeof upper);
  const __m128i nibbles = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(packed));
  const __m128i low = _mm_and_si128(_mm_unpacklo_epi64(nibbles, _mm_srli_epi16(nibbles, 4)), _mm_set1_epi8(15));
  const __m128i crumbs = _mm_srlv_epi32(_mm_set1_epi32(static_cast<int>(upper)), _mm_setr_epi32(0, 2, 4, 6));
  return _mm_or_si128(low, _mm_slli_epi16(_mm_and_si128(crumbs, _mm_set1_epi8(3)), 4));
}

struct Q2K {
  static constexpr int64_t kBlockBytes = 0, kChunkBytes = 84, kLoaded = 4;
  static constexpr int kAdded = 0;
  static constexpr bool kOffsets = true, kHalves = true;
  using Raw = Quants;
  static void prepare(const std::byte* const (&rows)[kOutputs], int64_t, Scales& scales) {
    const __m128i nibble = _mm_set1_epi8(15);
    multiply_halves(
        rows, 80, [&](const std::byte* row) { return _mm_and_si128(load_16(row), nibble); }, scales.scales);
    const auto minima = [&](const std::byte* row) {
      return _mm_sub_epi8(_mm_setzero_si128(), _mm_and_si128(_mm_srli_epi16(load_16(row), 4), nibble));
    };
    multiply_halves(rows, 82, minima, scales.offsets);
  }
  // Four blocks share 32 bytes, two bits of each.
  static Raw load(const std::byte* const (&rows)[4], int64_t block) {
    return {load_four(rows, 16 + block * 8), load_four(rows, 32 + block * 8)};
  }
  static __m512i crumbs(__m512i bytes, int64_t block) {
    return _mm512_and_si512(_mm512_srli_epi16(bytes, static_cast<unsigned>(block % 4 * 2)), _mm512_set1_epi8(3));
  }
  static Quants quants(const Raw& raw, int64_t block) { return {crumbs(raw.first, block), crumbs(raw.second, block)}; }
};

struct Q3K {
  static constexpr int64_t kBlockBytes = 0, kChunkBytes = 110, kLoaded = 4;
  static constexpr int kAdded = 4;
  static constexpr bool kOffsets = false, kHalves = true;
  struct Raw {
    Quants crumbs, thirds;
  };
  static void prepare(const std::byte* const (&rows)[kOutputs], int64_t, Scales& scales) {
    const auto factors = [](const std::byte* row) { return _mm_sub_epi8(scales_of_q3_k(row + 96), _mm_set1_epi8(32)); };
    multiply_halves(rows, 108, factors, scales.scales);
  }
  static Raw load(const std::byte* const (&rows)[4], int64_t block) {
    return {{load_four(rows, 32 + block * 8), load_four(rows, 48 + block * 8)},
            {load_four(rows, 0), load_four(rows, 16)}};
  }
  static Quants quants(const Raw& raw, int64_t block) {
    const auto with_third = [&](__m512i bytes, __m512i thirds) {
      const __m512i low = Q2K::crumbs(bytes, block);
      const __mmask64 set = _mm512_test_epi8_mask(thirds, _mm512_set1_epi8(static_cast<char>(1 << block)));
      return _mm512_mask_add_epi8(low, set, low, _mm512_set1_epi8(4));
    };
    return {with_third(raw.crumbs.first, raw.thirds.first), with_third(raw.crumbs.second, raw.thirds.second)};
  }
};

__m512i four_times(const int8_t* sixteen) {
  return _mm512_broadcast_i32x4(load_16(reinterpret_cast<const std::byte*>(sixteen)));
}
// What sixteen activations from `at` on, or all 32, are to the quants of four outputs: four sums of each.
__m512i dot_half(const ActivationBlock& x, int at, __m512i quants) {
  return _mm512_dpbusd_epi32(_mm512_setzero_si512(), quants, four_times(x.quants + at));
}
__m512i dot_half(const WideBlock& x, int at, __m512i quants) {
  const __m512i of_high = _mm512_dpbusd_epi32(_mm512_setzero_si512(), quants, four_times(x.high + at));
  return _mm512_dpbusd_epi32(_mm512_slli_epi32(of_high, 4), quants, four_times(x.low + at));
}
__m512i dot(const ActivationBlock& x, const Quants& quants) {
  return _mm512_dpbusd_epi32(dot_half(x, 0, quants.first), quants.second, four_times(x.quants + 16));
}
__m512i dot(const WideBlock& x, const Quants& quants) {
  __m512i sums = _mm512_dpbusd_epi32(_mm512_setzero_si512(), quants.first, four_times(x.high));
  sums = _mm512_slli_epi32(_mm512_dpbusd_epi32(sums, quants.second, four_times(x.high + 16)), 4);
  sums = _mm512_dpbusd_epi32(sums, quants.first, four_times(x.low));
  return _mm512_dpbusd_epi32(sums, quants.second, four_times(x.low + 16));
}
// What `added` to each weight has added to their sum, negated.
int32_t correction(const ActivationBlock& x, int added) { return x.correction / (128 / added); }
int32_t correction(const WideBlock& x, int added) { return -added * x.total; }
int32_t half_correction(const ActivationBlock& x, int half, int added) {
  return x.half_corrections[half] / (128 / added);
}
int32_t half_correction(const WideBlock& x, int half, int added) {
  return -added * (half == 0 ? x.first_total : x.total - x.first_total);
}
// The values of sixteen activations, added up.
float half_sum(const ActivationBlock& x, int half) { return x.half_sums[half]; }
float half_sum(const WideBlock& x, int half) {
  return x.scale * static_cast<float>(half == 0 ? x.first_total : x.total - x.first_total);
}

template <typename Format>
constexpr bool has_halves() {
  if constexpr (requires { Format::kHalves; }) return Format::kHalves;
  return false;
}
template <typename Format>
constexpr int64_t chunk_bytes() {
  if constexpr (requires { Format::kChunkBytes; }) return Format::kChunkBytes;
  return 8 * Format::kBlockBytes;
}

// Adds what a block of a token is to the quants of sixteen outputs.
template <typename Format, typename Block>
inline __attribute__((always_inline)) void add_block(const Block& x, const Quants (&quants)[4], const Scales& scales,
                                                     int64_t block, __m512& sums) {
  const auto add_scaled = [&](const __m512i(&parts)[4], int32_t corrected, const float* scales_of) {
    __m512i dots = add_up(parts);
    if constexpr (Format::kAdded > 0) dots = _mm512_add_epi32(dots, _mm512_set1_epi32(corrected));
    const __m512 scale = _mm512_mul_ps(_mm512_load_ps(scales_of), _mm512_set1_ps(x.scale));
    sums = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dots), scale, sums);
  };
  __m512i parts[4];
  const auto add_offsets = [&](int64_t group, float values) {
    if constexpr (Format::kOffsets)
      sums = _mm512_fmadd_ps(_mm512_load_ps(scales.offsets[group]), _mm512_set1_ps(values), sums);
  };
  if constexpr (has_halves<Format>()) {
#pragma GCC unroll 2
    for (int half = 0; half < 2; ++half) {
      for (int row = 0; row < 4; ++row)
        parts[row] = dot_half(x, 16 * half, half == 0 ? quants[row].first : quants[row].second);
      int32_t corrected = 0;
      if constexpr (Format::kAdded > 0) corrected = half_correction(x, half, Format::kAdded);
      add_scaled(parts, corrected, scales.scales[2 * block + half]);
      add_offsets(2 * block + half, half_sum(x, half));
    }
  } else {
    for (int row = 0; row < 4; ++row) parts[row] = dot(x, quants[row]);
    int32_t corrected = 0;
    if constexpr (Format::kAdded > 0) corrected = correction(x, Format::kAdded);
    add_scaled(parts, corrected, scales.scales[block]);
    add_offsets(block, x.sum);
  }
}

// kRows rows of blocks are kRows / kTerms tokens.
template <typename Format, typename Block, int kTerms, int kRows>
void multiply_outputs(const ProductPiece& piece, const OutputLanes& lanes) {
  const auto* x = reinterpret_cast<const Block*>(piece.x);
  const int64_t x_stride = piece.inputs / kBlock;
  const std::byte* rows[kOutputs];
  lanes.find_rows(piece, rows);
  __m512 sums[kRows];
  for (__m512& sum : sums) sum = _mm512_setzero_ps();
  Scales scales;
  for (int64_t input = 0; input < piece.inputs; input += kChunk) {
    const int64_t blocks = std::min(kChunk, piece.inputs - input) / kBlock;
    Format::prepare(rows, blocks, scales);
    constexpr int64_t kChunkBytes = chunk_bytes<Format>();
    for (int64_t first = 0; first < blocks; first += Format::kLoaded) {
      typename Format::Raw raw[4];
#pragma GCC unroll 4
      for (int64_t row = 0; row < 4; ++row)
        raw[row] = Format::load({rows[row], rows[row + 4], rows[row + 8], rows[row + 12]}, first);
      // Together the blocks ask for all of a chunk.
      constexpr int64_t kBytes = Format::kLoaded * kChunkBytes / 8, kLoadsOfALine = std::max<int64_t>(1, 64 / kBytes);
      if (first / Format::kLoaded % kLoadsOfALine == 0)
        for (const std::byte* row : rows)
          _mm_prefetch(reinterpret_cast<const char*>(row + lanes.ahead + first * kChunkBytes / 8), _MM_HINT_T0);
#pragma GCC unroll 4
      for (int64_t block = first; block < first + Format::kLoaded; ++block) {
        Quants quants[4];
#pragma GCC unroll 4
        for (int row = 0; row < 4; ++row) quants[row] = Format::quants(raw[row], block);
#pragma GCC unroll 4
        for (int row = 0; row < kRows; ++row)
          add_block<Format>(x[row * x_stride + input / kBlock + block], quants, scales, block, sums[row]);
      }
    }
    for (const std::byte*& row : rows) row += kChunkBytes;
  }
  for (int token = 0; token < kRows / kTerms; ++token) {
    __m512 value = sums[kTerms * token];
    if constexpr (kTerms == 2) value = _mm512_add_ps(value, sums[2 * token + 1]);
    lanes.write(piece, value, piece.y + token * piece.y_stride);
  }
}

// Four rows of blocks at a time; weights of sixteen outputs stay in the first or second cache until all have met them.
template <typename Format, typename Block, int kTerms>
bool multiply(const ProductPiece& piece) {
  constexpr int64_t kTokens = 4 / kTerms;
  for (int64_t step = 0; step < OutputLanes::steps(piece); ++step) {
    const OutputLanes lanes(piece, step);
    for (int64_t token = 0; token < piece.tokens; token += kTokens) {
      ProductPiece part = piece;
      part.x = piece.x + static_cast<size_t>(token * kTerms * (piece.inputs / kBlock)) * sizeof(Block);
      part.y = piece.y + token * piece.y_stride;
      switch (std::min(kTokens, piece.tokens - token) * kTerms) {
        case 2: multiply_outputs<Format, Block, kTerms, 2>(part, lanes); break;
        case 4: multiply_outputs<Format, Block, kTerms, 4>(part, lanes); break;
        default:
          if constexpr (kTerms == 1) {
            if (piece.tokens - token == 1)
              multiply_outputs<Format, Block, 1, 1>(part, lanes);
            else
              multiply_outputs<Format, Block, 1, 3>(part, lanes);
          }
      }
    }
  }
  return true;
}

template <typename Block, int kTerms>
bool multiply_rows(const ProductPiece& piece) {
  using tensor::DType;
  switch (piece.dtype) {
    case DType::kQ4_0: return multiply<Q4_0, Block, kTerms>(piece);
    case DType::kQ4_1: return multiply<Q4_1, Block, kTerms>(piece);
    case DType::kQ8_0: return multiply<Q8_0, Block, kTerms>(piece);
    case DType::kQ2_K: return multiply<Q2K, Block, kTerms>(piece);
    case DType::kQ3_K: return multiply<Q3K, Block, kTerms>(piece);
    case DType::kQ4_K: return multiply<Q4K, Block, kTerms>(piece);
    case DType::kQ5_K: return multiply<Q5K, Block, kTerms>(piece);
    case DType::kQ6_K: return multiply<Q6K, Block, kTerms>(piece);
    case DType::kIQ4_NL: return multiply<Iq4Nl, Block, kTerms>(piece);
    case DType::kIQ4_XS: return multiply<Iq4Xs, Block, kTerms>(piece);
    case DType::kMXFP4: return multiply<Mxfp4, Block, kTerms>(piece);
    default: return false;
  }
}

}  // namespace

bool multiply_few_rows(const ProductPiece& piece, int terms) {
  return terms == 1 ? multiply_rows<ActivationBlock, 1>(piece) : multiply_rows<ActivationBlock, 2>(piece);
}
bool multiply_wide_rows(const ProductPiece& piece) { return multiply_rows<WideBlock, 1>(piece); }

}  // namespace paddock::kernels::avx512
