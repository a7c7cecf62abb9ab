// SPDX-License-Identifier: Apache-2.0
// I-quants, blocks of 256 values in rows of a codebook: IQ1, IQ2, IQ3 (tensor/decode_i_quants.cc has the formulas).
// The row numbers of a block are put together first, then its rows are loaded, 32 values at a time. Rows are broadcast
// from memory and blended, which takes no shuffles, rather than inserted: one unit does the shuffles of many
// processors.

#include "kernels/avx2/unpack_parts.h"
#include "tensor/blocks.h"
#include "tensor/iq_codebooks.h"

namespace paddock::kernels::avx2 {
namespace {

constexpr int kBlock = 256;
constexpr int kGroup = 32;

__m256i row_of_8(const void* codebook, size_t row) {
  return _mm256_set1_epi64x(static_cast<int64_t>(load_u64(static_cast<const char*>(codebook) + row * 8)));
}

__m256i row_of_4(const void* codebook, size_t row) {
  return _mm256_set1_epi32(static_cast<int>(load_u32(static_cast<const char*>(codebook) + row * 4)));
}

// 32 values from their row numbers, uint8_t or uint16_t.
template <typename Number>
__m256i rows_of_8(const void* codebook, const Number* rows) {
  const __m256i low = _mm256_blend_epi32(row_of_8(codebook, rows[0]), row_of_8(codebook, rows[1]), 0x0C);
  const __m256i high = _mm256_blend_epi32(row_of_8(codebook, rows[2]), row_of_8(codebook, rows[3]), 0xC0);
  return _mm256_blend_epi32(low, high, 0xF0);
}

template <typename Number>
__m256i rows_of_4(const void* codebook, const Number* rows) {
  const __m256i rows_01 = _mm256_blend_epi32(row_of_4(codebook, rows[0]), row_of_4(codebook, rows[1]), 0x02);
  const __m256i rows_23 = _mm256_blend_epi32(row_of_4(codebook, rows[2]), row_of_4(codebook, rows[3]), 0x08);
  const __m256i rows_45 = _mm256_blend_epi32(row_of_4(codebook, rows[4]), row_of_4(codebook, rows[5]), 0x20);
  const __m256i rows_67 = _mm256_blend_epi32(row_of_4(codebook, rows[6]), row_of_4(codebook, rows[7]), 0x80);
  return _mm256_blend_epi32(_mm256_blend_epi32(rows_01, rows_23, 0x0C), _mm256_blend_epi32(rows_45, rows_67, 0xC0),
                            0xF0);
}

// To be loaded from: the compiler, which sees the vector that was stored there, would extract each with a shuffle.
template <size_t kCount>
void leave_in_memory(uint16_t (&rows)[kCount]) {
  __asm__("" : "+m"(rows));
}

// A bit for each of 256 values.
struct Signs {
  __m256i halves[2];  // 16 bytes, twice
};

Signs signs_of(__m256i bits) {
  return {{_mm256_permute2x128_si256(bits, bits, 0x00), _mm256_permute2x128_si256(bits, bits, 0x11)}};
}

Signs load_signs(const uint8_t (&bits)[32]) {
  return {{_mm256_broadcastsi128_si256(load_16_bytes(bits)), _mm256_broadcastsi128_si256(load_16_bytes(bits + 16))}};
}

// The values of a group, negative where the sign is set.
__m256i with_signs(__m256i magnitudes, const Signs& signs, int group) {
  const __m256i negative = bytes_of_bits(signs.halves[group / 4], group % 4);
  return _mm256_sub_epi8(_mm256_xor_si256(magnitudes, negative), negative);
}

// The eighth sign joins the seven in each byte: an even number of them is negative.
Signs even_signs(__m256i seven_bits) {
  const __m256i parity_of_nibble = _mm256_broadcastsi128_si256(
      _mm_setr_epi8(0, -128, -128, 0, -128, 0, 0, -128, -128, 0, 0, -128, 0, -128, -128, 0));
  const __m256i folded =
      _mm256_and_si256(_mm256_xor_si256(seven_bits, _mm256_srli_epi16(seven_bits, 4)), _mm256_set1_epi8(15));
  return signs_of(_mm256_or_si256(seven_bits, _mm256_shuffle_epi8(parity_of_nibble, folded)));
}

// The signs of IQ2_XXS and IQ3_XXS: 4 x 7 bits in the lower 28 of each number become four bytes.
Signs even_signs_of_28_bits(__m256i words) {
  const __m256i fields_01 = _mm256_or_si256(_mm256_and_si256(words, _mm256_set1_epi32(0x7F)),
                                            _mm256_and_si256(_mm256_slli_epi32(words, 1), _mm256_set1_epi32(0x7F00)));
  const __m256i fields_23 =
      _mm256_or_si256(_mm256_and_si256(_mm256_slli_epi32(words, 2), _mm256_set1_epi32(0x7F0000)),
                      _mm256_and_si256(_mm256_slli_epi32(words, 3), _mm256_set1_epi32(0x7F000000)));
  return even_signs(_mm256_or_si256(fields_01, fields_23));
}

// (scale * (s + 1/2)) * factor, rounded as the decoders do.
__m256 half_step_scales(const tensor::StoredHalf& scale, __m256 s, float factor) {
  const __m256 steps = _mm256_add_ps(_mm256_set1_ps(0.5f), s);
  return _mm256_mul_ps(_mm256_mul_ps(_mm256_set1_ps(load_half(&scale)), steps), _mm256_set1_ps(factor));
}

// The scales of IQ2_XS and IQ2_S: sixteen nibbles, the low one of a byte first.
void put_nibble_scales(const tensor::StoredHalf& scale, const uint8_t (&packed)[8], float* to, int64_t stride) {
  const __m128i both = _mm_cvtsi64_si128(static_cast<int64_t>(load_u64(packed)));
  const __m128i s = _mm_and_si128(_mm_unpacklo_epi8(both, _mm_srli_epi16(both, 4)), _mm_set1_epi8(15));
  store_strided(to, stride, half_step_scales(scale, floats_of_u8(s), 0.25f));
  store_strided(to + 8 * stride, stride, half_step_scales(scale, floats_of_u8(_mm_srli_si128(s, 8)), 0.25f));
}

// scale * (2 s + 1)
__m256 odd_scales(float scale, __m256i s) {
  const __m256i odd = _mm256_or_si256(_mm256_slli_epi32(s, 1), _mm256_set1_epi32(1));
  return _mm256_mul_ps(_mm256_set1_ps(scale), _mm256_cvtepi32_ps(odd));
}

// IQ1's row + 1/8 or row - 1/8, times eight to be an integer; `ones` are 1 and -1. An eighth of a scale is exact: the
// smallest is 2^-24.
__m256i eight_times(__m256i rows, __m256i ones) {
  const __m256i eight = _mm256_and_si256(_mm256_slli_epi16(rows, 3), _mm256_set1_epi8(-8));
  return _mm256_add_epi8(eight, ones);
}

__m256 eighth(__m256 scales) { return _mm256_mul_ps(scales, _mm256_set1_ps(0.125f)); }

}  // namespace

void unpack_iq1_s(const std::byte* bytes, int64_t count, int8_t* quants, float* scales, float*, int64_t stride) {
  using tensor::BlockIQ1_S;
  for_each_block_at<BlockIQ1_S, kBlock>(bytes, count, [&](const BlockIQ1_S& block, int64_t index) {
    const __m128i groups = load_16_bytes(block.groups);
    const __m256i s = _mm256_and_si256(_mm256_srli_epi32(_mm256_cvtepu16_epi32(groups), 12), _mm256_set1_epi32(7));
    store_strided(scales + index * 8 * stride, stride, eighth(odd_scales(load_half(&block.scale), s)));

    // Part p of a group has the bits from 3 p as its bits 8 to 10. A product is a shift to the left; one to the right
    // is left to the last part.
    alignas(32) uint16_t rows[32];
    const __m256i factors = _mm256_set1_epi64x(0x0000000400200100);
#pragma GCC unroll 2
    for (int half = 0; half < 2; ++half) {
      const __m256i four_groups = _mm256_set1_epi64x(static_cast<int64_t>(load_u64(block.groups + half * 4)));
      const __m256i group_of_part =
          _mm256_shuffle_epi8(four_groups, _mm256_setr_epi64x(0x0100010001000100, 0x0302030203020302,  //
                                                              0x0504050405040504, 0x0706070607060706));
      const __m256i shifted =
          _mm256_blend_epi16(_mm256_mullo_epi16(group_of_part, factors), _mm256_srli_epi16(group_of_part, 1), 0x88);
      const __m256i upper = _mm256_and_si256(shifted, _mm256_set1_epi16(0x700));
      const __m256i lower = _mm256_cvtepu8_epi16(load_16_bytes(block.rows + half * 16));
      store_32_bytes(rows + half * 16, _mm256_or_si256(lower, upper));
    }
    leave_in_memory(rows);
    // Two bytes of 1 or, where the uppermost bit is set, -1, for each group.
    const __m256i ones = _mm256_broadcastsi128_si256(_mm_or_si128(_mm_srai_epi16(groups, 15), _mm_set1_epi16(0x0101)));
#pragma GCC unroll 8
    for (int group = 0; group < 8; ++group) {
      const __m256i values = rows_of_8(&tensor::kIq1Rows, rows + group * 4);
      const __m256i ones_of_group = _mm256_shuffle_epi8(ones, _mm256_set1_epi8(static_cast<char>(group * 2)));
      store_32_bytes(quants + index * kBlock + group * kGroup, eight_times(values, ones_of_group));
    }
  });
}

void unpack_iq1_m(const std::byte* bytes, int64_t count, int8_t* quants, float* scales, float*, int64_t stride) {
  using tensor::BlockIQ1_M;
  for_each_block_at<BlockIQ1_M, kBlock>(bytes, count, [&](const BlockIQ1_M& block, int64_t index) {
    const uint64_t words = load_u64(block.scales);
    const uint64_t half = (words >> 12 & 0xF) | (words >> 24 & 0xF0) | (words >> 36 & 0xF00) | (words >> 48 & 0xF000);
    const float scale = _cvtsh_ss(static_cast<uint16_t>(half));
#pragma GCC unroll 2
    for (int upper = 0; upper < 2; ++upper) {  // groups 8 to 15
      // A word for each four groups.
      const auto two_words = static_cast<uint32_t>(words >> (upper * 32));
      const __m256i word_of_group = _mm256_setr_m128i(_mm_set1_epi32(static_cast<int>(two_words & 0xFFFF)),
                                                      _mm_set1_epi32(static_cast<int>(two_words >> 16)));
      const __m256i s = _mm256_and_si256(_mm256_srlv_epi32(word_of_group, _mm256_setr_epi32(0, 3, 6, 9, 0, 3, 6, 9)),
                                         _mm256_set1_epi32(7));
      store_strided(scales + (index * 16 + upper * 8) * stride, stride, eighth(odd_scales(scale, s)));
    }

    const __m128i nibbles = load_16_bytes(block.upper), low_nibble = _mm_set1_epi8(15);
    const __m128i even = _mm_and_si128(nibbles, low_nibble);
    const __m128i odd = _mm_and_si128(_mm_srli_epi16(nibbles, 4), low_nibble);
    alignas(32) uint16_t rows[32];
    __m256i ones[2];  // 1 or -1 for each of 16 parts, twice
#pragma GCC unroll 2
    for (int part = 0; part < 32; part += 16) {
      const __m128i nibble_of_part = part == 0 ? _mm_unpacklo_epi8(even, odd) : _mm_unpackhi_epi8(even, odd);
      const __m128i lower = load_16_bytes(block.rows + part);
      const __m128i upper = _mm_and_si128(nibble_of_part, _mm_set1_epi8(7));
      store_16_bytes(rows + part, _mm_unpacklo_epi8(lower, upper));
      store_16_bytes(rows + part + 8, _mm_unpackhi_epi8(lower, upper));
      const __m128i down = _mm_cmpgt_epi8(nibble_of_part, _mm_set1_epi8(7));
      ones[part / 16] = _mm256_broadcastsi128_si256(_mm_or_si128(down, _mm_set1_epi8(1)));
    }
    leave_in_memory(rows);
#pragma GCC unroll 8
    for (int group = 0; group < 8; ++group) {
      const __m256i values = rows_of_8(&tensor::kIq1Rows, rows + group * 4);
      const __m256i ones_of_group = eight_of_each(ones[group / 4], group % 4);
      store_32_bytes(quants + index * kBlock + group * kGroup, eight_times(values, ones_of_group));
    }
  });
}

void unpack_iq2_xxs(const std::byte* bytes, int64_t count, int8_t* quants, float* scales, float*, int64_t stride) {
  using tensor::BlockIQ2_XXS;
  for_each_block_at<BlockIQ2_XXS, kBlock>(bytes, count, [&](const BlockIQ2_XXS& block, int64_t index) {
    // The signs are every other word.
    const __m256 words_0 = _mm256_castsi256_ps(load_32_bytes(block.groups));
    const __m256 words_1 = _mm256_castsi256_ps(load_32_bytes(block.groups + 4));
    const __m256i odd_words = _mm256_castps_si256(_mm256_shuffle_ps(words_0, words_1, 0xDD));
    const __m256i words = _mm256_permute4x64_epi64(odd_words, 0xD8);
    store_strided(scales + index * 8 * stride, stride,
                  half_step_scales(block.scale, _mm256_cvtepi32_ps(_mm256_srli_epi32(words, 28)), 0.25f));
    const Signs signs = even_signs_of_28_bits(words);
#pragma GCC unroll 8
    for (int group = 0; group < 8; ++group)
      store_32_bytes(quants + index * kBlock + group * kGroup,
                     with_signs(rows_of_8(&tensor::kIq2XxsRows, block.groups[group].rows), signs, group));
  });
}

void unpack_iq2_xs(const std::byte* bytes, int64_t count, int8_t* quants, float* scales, float*, int64_t stride) {
  using tensor::BlockIQ2_XS;
  for_each_block_at<BlockIQ2_XS, kBlock>(bytes, count, [&](const BlockIQ2_XS& block, int64_t index) {
    put_nibble_scales(block.scale, block.scales, scales + index * 16 * stride, stride);
    const __m256i words_0 = load_32_bytes(block.rows), words_1 = load_32_bytes(block.rows + 16);
    alignas(32) uint16_t rows[32];
    store_32_bytes(rows, _mm256_and_si256(words_0, _mm256_set1_epi16(511)));
    store_32_bytes(rows + 16, _mm256_and_si256(words_1, _mm256_set1_epi16(511)));
    const __m256i by_lane = _mm256_packus_epi16(_mm256_srli_epi16(words_0, 9), _mm256_srli_epi16(words_1, 9));
    const Signs signs = even_signs(_mm256_permute4x64_epi64(by_lane, 0xD8));
    leave_in_memory(rows);
#pragma GCC unroll 8
    for (int group = 0; group < 8; ++group)
      store_32_bytes(quants + index * kBlock + group * kGroup,
                     with_signs(rows_of_8(&tensor::kIq2XsRows, rows + group * 4), signs, group));
  });
}

void unpack_iq2_s(const std::byte* bytes, int64_t count, int8_t* quants, float* scales, float*, int64_t stride) {
  using tensor::BlockIQ2_S;
  for_each_block_at<BlockIQ2_S, kBlock>(bytes, count, [&](const BlockIQ2_S& block, int64_t index) {
    put_nibble_scales(block.scale, block.scales, scales + index * 16 * stride, stride);
    // Row p of the four that share a byte has its bits from 2 p as bits 8 and 9; a product shifts them there.
    alignas(32) uint16_t rows[32];
    const __m256i byte_of_row =
        _mm256_setr_epi64x(static_cast<int64_t>(0x8000800080008000u), static_cast<int64_t>(0x8001800180018001u),
                           static_cast<int64_t>(0x8002800280028002u), static_cast<int64_t>(0x8003800380038003u));
#pragma GCC unroll 2
    for (int first = 0; first < 32; first += 16) {
      const __m256i four_bytes = _mm256_set1_epi32(static_cast<int>(load_u32(block.upper + first / 4)));
      const __m256i shifted =
          _mm256_mullo_epi16(_mm256_shuffle_epi8(four_bytes, byte_of_row), _mm256_set1_epi64x(0x0004001000400100));
      const __m256i lower = _mm256_cvtepu8_epi16(load_16_bytes(block.rows + first));
      store_32_bytes(rows + first, _mm256_or_si256(lower, _mm256_and_si256(shifted, _mm256_set1_epi16(0x300))));
    }
    leave_in_memory(rows);
    const Signs signs = load_signs(block.signs);
#pragma GCC unroll 8
    for (int group = 0; group < 8; ++group)
      store_32_bytes(quants + index * kBlock + group * kGroup,
                     with_signs(rows_of_8(&tensor::kIq2SRows, rows + group * 4), signs, group));
  });
}

void unpack_iq3_xxs(const std::byte* bytes, int64_t count, int8_t* quants, float* scales, float*, int64_t stride) {
  using tensor::BlockIQ3_XXS;
  for_each_block_at<BlockIQ3_XXS, kBlock>(bytes, count, [&](const BlockIQ3_XXS& block, int64_t index) {
    const __m256i words = load_32_bytes(block.signs);
    store_strided(scales + index * 8 * stride, stride,
                  half_step_scales(block.scale, _mm256_cvtepi32_ps(_mm256_srli_epi32(words, 28)), 0.5f));
    const Signs signs = even_signs_of_28_bits(words);
#pragma GCC unroll 8
    for (int group = 0; group < 8; ++group)
      store_32_bytes(quants + index * kBlock + group * kGroup,
                     with_signs(rows_of_4(&tensor::kIq3XxsRows, block.rows + group * 8), signs, group));
  });
}

void unpack_iq3_s(const std::byte* bytes, int64_t count, int8_t* quants, float* scales, float*, int64_t stride) {
  using tensor::BlockIQ3_S;
  for_each_block_at<BlockIQ3_S, kBlock>(bytes, count, [&](const BlockIQ3_S& block, int64_t index) {
    const __m256i nibbles = _mm256_srlv_epi32(_mm256_set1_epi32(static_cast<int>(load_u32(block.scales))),
                                              _mm256_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28));
    const __m256i s = _mm256_and_si256(nibbles, _mm256_set1_epi32(15));
    store_strided(scales + index * 8 * stride, stride, odd_scales(load_half(&block.scale), s));
    // Bit p of the sixteen that belong to sixteen rows becomes bit 8 of row p.
    alignas(32) uint16_t rows[64];
    const __m256i bit_of_row = _mm256_setr_epi16(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384,
                                                 static_cast<int16_t>(0x8000));
#pragma GCC unroll 4
    for (int first = 0; first < 64; first += 16) {
      const __m256i bits = _mm256_set1_epi16(static_cast<int16_t>(load_u16(block.upper + first / 8)));
      const __m256i is_set = _mm256_cmpeq_epi16(_mm256_and_si256(bits, bit_of_row), bit_of_row);
      const __m256i lower = _mm256_cvtepu8_epi16(load_16_bytes(block.rows + first));
      store_32_bytes(rows + first, _mm256_or_si256(lower, _mm256_and_si256(is_set, _mm256_set1_epi16(0x100))));
    }
    leave_in_memory(rows);
    const Signs signs = load_signs(block.signs);
#pragma GCC unroll 8
    for (int group = 0; group < 8; ++group)
      store_32_bytes(quants + index * kBlock + group * kGroup,
                     with_signs(rows_of_4(&tensor::kIq3SRows, rows + group * 8), signs, group));
  });
}

}  // namespace paddock::kernels::avx2
