// SPDX-License-Identifier: Apache-2.0
#include "kernels/avx512/few_rows.h"

#include "kernels/avx512/k_scales.h"
#include "kernels/avx512/transpose.h"
#include "kernels/avx512/wide_blocks.h"
#include "kernels/vector/int8_loops.h"

namespace paddock::kernels::avx512 {
namespace {

using int8::ActivationBlock;

constexpr int64_t kOutputs = 16;  // at once
constexpr int64_t kChunk = 256;   // inputs whose scales are prepared at once
constexpr int64_t kBlock = int8::kBlock;

__m128i load_16(const std::byte* bytes) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes)); }
__m256i load_32(const std::byte* bytes) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bytes)); }
__m512i both(__m256i low, __m256i high) { return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1); }

// The scales of a chunk: [group of 32 or 16][output].
struct Scales {
  alignas(64) float scales[kChunk / 16][kOutputs];
  alignas(64) float offsets[kChunk / kBlock][kOutputs];
};

// halves[block][output] of the binary16 numbers that lie kStride apart, to floats.
template <int64_t kStride>
void load_halves(const std::byte* const (&rows)[kOutputs], int64_t first, int64_t blocks, float (*floats)[kOutputs]) {
  alignas(32) uint16_t halves[kChunk / kBlock][kOutputs];
  for (int64_t output = 0; output < kOutputs; ++output)
    for (int64_t block = 0; block < blocks; ++block) {
      uint16_t half;
      std::memcpy(&half, rows[output] + first + block * kStride, sizeof half);
      __asm__("" : "+r"(half));  // one by one through memory: gathered in a register they would be shuffled
      halves[block][output] = half;
    }
  __asm__ volatile("" : "+m"(halves));
  for (int64_t block = 0; block < blocks; ++block)
    _mm512_store_ps(floats[block], _mm512_cvtph_ps(_mm256_load_si256(reinterpret_cast<const __m256i*>(halves[block]))));
}

// Nibbles of 16 bytes of each of two rows as bytes: low ones, then high ones, of the first row and of the second.
__m512i nibbles_of(const std::byte* first, const std::byte* second) {
  const __m512i bytes = _mm512_mask_broadcast_i32x4(_mm512_broadcast_i32x4(load_16(first)), 0xff00, load_16(second));
  const __m512i shifts = _mm512_setr_epi32(0, 0, 0, 0, 4, 4, 4, 4, 0, 0, 0, 0, 4, 4, 4, 4);
  return _mm512_and_si512(_mm512_srlv_epi32(bytes, shifts), _mm512_set1_epi8(15));
}
__m512i look_up(const int8_t (&table)[16], int offset, __m512i nibbles) {
  const __m128i values =
      _mm_add_epi8(load_16(reinterpret_cast<const std::byte*>(table)), _mm_set1_epi8(static_cast<char>(offset)));
  return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(values), nibbles);
}

// Formats. Each tells how many bytes kChunk inputs take (as so many blocks of 32), what was added to its quants to make
// them unsigned, and gives the scales of a chunk and 32 quants of two rows.

struct Q4_0 {
  static constexpr int64_t kBlockBytes = 18;
  static constexpr int kAdded = 8;
  static constexpr bool kOffsets = false;
  static void prepare(const std::byte* const (&rows)[kOutputs], int64_t blocks, Scales& scales) {
    load_halves<kBlockBytes>(rows, 0, blocks, scales.scales);
  }
  static __m512i quants(const std::byte* first, const std::byte* second, int64_t block) {
    return nibbles_of(first + block * kBlockBytes + 2, second + block * kBlockBytes + 2);
  }
};

struct Iq4Nl : Q4_0 {
  static constexpr int kAdded = 128;
  static __m512i quants(const std::byte* first, const std::byte* second, int64_t block) {
    constexpr int8_t kValues[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
    return look_up(kValues, kAdded, Q4_0::quants(first, second, block));
  }
};

struct Mxfp4 {
  static constexpr int64_t kBlockBytes = 17;
  static constexpr int kAdded = 128;
  static constexpr bool kOffsets = false;
  static void prepare(const std::byte* const (&rows)[kOutputs], int64_t blocks, Scales& scales) {
    for (int64_t block = 0; block < blocks; ++block)
      for (int64_t output = 0; output < kOutputs; ++output) {
        // 2^(e - 128), half of the scale: the table is doubled. Below 2^-126 floats are denormal.
        const auto exponent = static_cast<uint32_t>(rows[output][block * kBlockBytes]);
        const uint32_t bits = exponent >= 2 ? (exponent - 1) << 23 : 0x00200000u << exponent;
        std::memcpy(&scales.scales[block][output], &bits, sizeof bits);
      }
  }
  static __m512i quants(const std::byte* first, const std::byte* second, int64_t block) {
    constexpr int8_t kValues[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
    const int64_t at = block * kBlockBytes + 1;
    return look_up(kValues, kAdded, nibbles_of(first + at, second + at));
  }
};

struct Q4_1 {
  static constexpr int64_t kBlockBytes = 20;
  static constexpr int kAdded = 0;
  static constexpr bool kOffsets = true;
  static void prepare(const std::byte* const (&rows)[kOutputs], int64_t blocks, Scales& scales) {
    load_halves<kBlockBytes>(rows, 0, blocks, scales.scales);
    load_halves<kBlockBytes>(rows, 2, blocks, scales.offsets);
  }
  static __m512i quants(const std::byte* first, const std::byte* second, int64_t block) {
    return nibbles_of(first + block * kBlockBytes + 4, second + block * kBlockBytes + 4);
  }
};

struct Q8_0 {
  static constexpr int64_t kBlockBytes = 34;
  static constexpr int kAdded = 128;
  static constexpr bool kOffsets = false;
  static void prepare(const std::byte* const (&rows)[kOutputs], int64_t blocks, Scales& scales) {
    load_halves<kBlockBytes>(rows, 0, blocks, scales.scales);
  }
  static __m512i quants(const std::byte* first, const std::byte* second, int64_t block) {
    const int64_t at = block * kBlockBytes + 2;
    return _mm512_xor_si512(both(load_32(first + at), load_32(second + at)), _mm512_set1_epi8(static_cast<char>(0x80)));
  }
};

struct Q4K {
  static constexpr int64_t kBlockBytes = 144 / 8;
  static constexpr int kAdded = 0;
  static constexpr bool kOffsets = true;
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
  static __m512i quants(const std::byte* first, const std::byte* second, int64_t block) {
    const int64_t at = 16 + block / 2 * 32;
    const __m512i bytes = both(load_32(first + at), load_32(second + at));
    return _mm512_and_si512(block % 2 == 0 ? bytes : _mm512_srli_epi16(bytes, 4), _mm512_set1_epi8(15));
  }
};

struct Q5K : Q4K {
  static constexpr int64_t kBlockBytes = 176 / 8;
  static __m512i quants(const std::byte* first, const std::byte* second, int64_t block) {
    const __m512i nibbles = Q4K::quants(first + 32, second + 32, block);
    const __m512i fifth = both(load_32(first + 16), load_32(second + 16));
    const __mmask64 set = _mm512_test_epi8_mask(fifth, _mm512_set1_epi8(static_cast<char>(1 << block)));
    return _mm512_mask_add_epi8(nibbles, set, nibbles, _mm512_set1_epi8(16));
  }
};

struct Iq4Xs {
  static constexpr int64_t kBlockBytes = 136 / 8;
  static constexpr int kAdded = 128;
  static constexpr bool kOffsets = false;
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
  static __m512i quants(const std::byte* first, const std::byte* second, int64_t block) {
    constexpr int8_t kValues[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
    return look_up(kValues, kAdded, nibbles_of(first + 8 + block * 16, second + 8 + block * 16));
  }
};

struct Q6K {
  static constexpr int64_t kBlockBytes = 0;  // 210 bytes are not eight times anything: rows are advanced by kChunkBytes
  static constexpr int64_t kChunkBytes = 210;
  static constexpr int kAdded = 32;
  static constexpr bool kOffsets = false, kHalves = true;
  static void prepare(const std::byte* const (&rows)[kOutputs], int64_t, Scales& scales) {
    __m512i lanes[kOutputs];
    for (int64_t output = 0; output < kOutputs; ++output) {
      uint16_t half;
      std::memcpy(&half, rows[output] + 208, sizeof half);
      lanes[output] = _mm512_castps_si512(_mm512_mul_ps(
          _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(load_16(rows[output] + 192))), _mm512_set1_ps(_cvtsh_ss(half))));
    }
    transpose_16x16(lanes);
    for (int64_t group = 0; group < 16; ++group) _mm512_store_si512(scales.scales[group], lanes[group]);
  }
  // Each half of the block has 64 bytes of nibbles and 32 of crumbs for its 128 values.
  static __m512i quants(const std::byte* first, const std::byte* second, int64_t block) {
    const int64_t half = block / 4, run = block % 4;
    const int64_t nibbles_at = half * 64 + run % 2 * 32, crumbs_at = 128 + half * 32;
    const __m512i nibbles = both(load_32(first + nibbles_at), load_32(second + nibbles_at));
    const __m512i crumbs = both(load_32(first + crumbs_at), load_32(second + crumbs_at));
    const __m512i low = _mm512_and_si512(run < 2 ? nibbles : _mm512_srli_epi16(nibbles, 4), _mm512_set1_epi8(15));
    const __m512i up = run == 0   ? _mm512_slli_epi16(crumbs, 4)
                       : run == 1 ? _mm512_slli_epi16(crumbs, 2)
                       : run == 2 ? crumbs
                                  : _mm512_srli_epi16(crumbs, 2);
    return _mm512_ternarylogic_epi32(low, up, _mm512_set1_epi8(0x30), 0xf8);  // low | (up & 0x30)
  }
};

// Sums of four lanes each: lane i of `first` is output i over the first sixteen inputs, of `second` over the others,
// where parts[i] holds outputs i and i + 4, and parts[4 + i] outputs i + 8 and i + 12.
struct HalfSums {
  __m512i first, second;
};
HalfSums add_up(const __m512i (&parts)[8]) {
  const auto pair = [](__m512i a, __m512i b) {
    return _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
  };
  const auto quad = [](__m512i a, __m512i b) {
    return _mm512_add_epi32(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
  };
  const __m512i first = quad(pair(parts[0], parts[1]), pair(parts[2], parts[3]));
  const __m512i second = quad(pair(parts[4], parts[5]), pair(parts[6], parts[7]));
  return {_mm512_shuffle_i32x4(first, second, 0x88), _mm512_shuffle_i32x4(first, second, 0xdd)};
}

// What 32 activations are to the quants of two outputs: eight sums of each.
__m512i dot(const ActivationBlock& x, __m512i quants) {
  const __m512i values = _mm512_broadcast_i64x4(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(x.quants)));
  return _mm512_dpbusd_epi32(_mm512_setzero_si512(), quants, values);
}
__m512i dot(const WideBlock& x, __m512i quants) {
  const __m512i high = _mm512_broadcast_i64x4(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(x.high)));
  const __m512i low = _mm512_broadcast_i64x4(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(x.low)));
  const __m512i of_high = _mm512_dpbusd_epi32(_mm512_setzero_si512(), quants, high);
  return _mm512_dpbusd_epi32(_mm512_slli_epi32(of_high, 4), quants, low);
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

// Sixteen outputs from `first_output` on; what is beyond the piece repeats its last.
template <typename Format, typename Block, int kTokens>
void multiply_outputs(const ProductPiece& piece, int64_t first_output) {
  const auto* x = reinterpret_cast<const Block*>(piece.x);
  const int64_t x_stride = piece.inputs / kBlock;
  const std::byte* rows[kOutputs];
  for (int64_t output = 0; output < kOutputs; ++output)
    rows[output] =
        piece.weights + static_cast<size_t>(std::min(first_output + output, piece.outputs - 1)) * piece.row_stride;
  __m512 sums[kTokens];
  for (__m512& sum : sums) sum = _mm512_setzero_ps();
  Scales scales;
  const int64_t row_bytes = tensor::info(piece.dtype).bytes * (piece.inputs / tensor::info(piece.dtype).values);
  for (int64_t input = 0; input < piece.inputs; input += kChunk) {
    const int64_t blocks = std::min(kChunk, piece.inputs - input) / kBlock;
    Format::prepare(rows, blocks, scales);
    // Rows are more streams than the processor follows by itself. Four chunks ahead, which may be in the next sixteen
    // rows.
    constexpr int64_t kChunkBytes = chunk_bytes<Format>();
    const int64_t target = input / kChunk * kChunkBytes + 4 * kChunkBytes;
    const int64_t ahead = target < row_bytes
                              ? 4 * kChunkBytes
                              : 4 * kChunkBytes - row_bytes + kOutputs * static_cast<int64_t>(piece.row_stride);
    for (int64_t block = 0; block < blocks; ++block) {
      __m512i quants[8];
#pragma GCC unroll 8
      for (int part = 0; part < 8; ++part) {
        const int low = part < 4 ? part : part + 4;
        quants[part] = Format::quants(rows[low], rows[low + 4], block);
        // Together the blocks ask for all of a chunk.
        _mm_prefetch(reinterpret_cast<const char*>(rows[low] + ahead + block * (kChunkBytes / 8)), _MM_HINT_T0);
        _mm_prefetch(reinterpret_cast<const char*>(rows[low + 4] + ahead + block * (kChunkBytes / 8)), _MM_HINT_T0);
      }
#pragma GCC unroll 4
      for (int token = 0; token < kTokens; ++token) {
        const Block& activations = x[token * x_stride + input / kBlock + block];
        __m512i parts[8];
#pragma GCC unroll 8
        for (int part = 0; part < 8; ++part) parts[part] = dot(activations, quants[part]);
        const HalfSums halves = add_up(parts);
        const auto add_scaled = [&](__m512i dots, int32_t corrected, const float* scales_of) {
          if constexpr (Format::kAdded > 0) dots = _mm512_add_epi32(dots, _mm512_set1_epi32(corrected));
          const __m512 scale = _mm512_mul_ps(_mm512_load_ps(scales_of), _mm512_set1_ps(activations.scale));
          sums[token] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dots), scale, sums[token]);
        };
        if constexpr (has_halves<Format>()) {
          add_scaled(halves.first, half_correction(activations, 0, Format::kAdded), scales.scales[2 * block]);
          add_scaled(halves.second, half_correction(activations, 1, Format::kAdded), scales.scales[2 * block + 1]);
        } else {
          int32_t corrected = 0;
          if constexpr (Format::kAdded > 0) corrected = correction(activations, Format::kAdded);
          add_scaled(_mm512_add_epi32(halves.first, halves.second), corrected, scales.scales[block]);
        }
        if constexpr (Format::kOffsets)
          sums[token] =
              _mm512_fmadd_ps(_mm512_load_ps(scales.offsets[block]), _mm512_set1_ps(activations.sum), sums[token]);
      }
    }
    for (const std::byte*& row : rows) row += kChunkBytes;
  }
  const auto lanes = static_cast<__mmask16>((1u << std::min(kOutputs, piece.outputs - first_output)) - 1);
  for (int token = 0; token < kTokens; ++token) {
    float* y = piece.y + token * piece.y_stride + first_output;
    __m512 value = sums[token];
    if (piece.scales != nullptr)
      value = _mm512_mul_ps(_mm512_maskz_loadu_ps(lanes, piece.scales + first_output), value);
    if (piece.add) value = _mm512_add_ps(_mm512_maskz_loadu_ps(lanes, y), value);
    _mm512_mask_storeu_ps(y, lanes, value);
  }
}

// All outputs of the piece, the tokens three at a time.
template <typename Format, typename Block>
bool multiply(const ProductPiece& piece) {
  ProductPiece part = piece;
  for (int64_t token = 0; token < piece.tokens; token += kFewRows) {
    part.tokens = std::min(kFewRows, piece.tokens - token);
    part.x = piece.x + static_cast<size_t>(token * (piece.inputs / kBlock)) * sizeof(Block);
    part.y = piece.y + token * piece.y_stride;
    for (int64_t output = 0; output < piece.outputs; output += kOutputs) switch (part.tokens) {
        case 1: multiply_outputs<Format, Block, 1>(part, output); break;
        case 2: multiply_outputs<Format, Block, 2>(part, output); break;
        default: multiply_outputs<Format, Block, 3>(part, output); break;
      }
  }
  return true;
}

template <typename Block>
bool multiply_rows(const ProductPiece& piece) {
  static_assert(kFewRows == 3);
  using tensor::DType;
  switch (piece.dtype) {
    case DType::kQ4_0: return multiply<Q4_0, Block>(piece);
    case DType::kQ4_1: return multiply<Q4_1, Block>(piece);
    case DType::kQ8_0: return multiply<Q8_0, Block>(piece);
    case DType::kQ4_K: return multiply<Q4K, Block>(piece);
    case DType::kQ5_K: return multiply<Q5K, Block>(piece);
    case DType::kQ6_K: return multiply<Q6K, Block>(piece);
    case DType::kIQ4_NL: return multiply<Iq4Nl, Block>(piece);
    case DType::kIQ4_XS: return multiply<Iq4Xs, Block>(piece);
    case DType::kMXFP4: return multiply<Mxfp4, Block>(piece);
    default: return false;
  }
}

}  // namespace

bool multiply_few_rows(const ProductPiece& piece) { return multiply_rows<ActivationBlock>(piece); }
bool multiply_wide_rows(const ProductPiece& piece) { return multiply_rows<WideBlock>(piece); }

}  // namespace paddock::kernels::avx512
