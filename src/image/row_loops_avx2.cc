// SPDX-License-Identifier: Apache-2.0
// A coefficient has 23 bits and a sample 8: their products are made as two of 16 bits (filter.h), which are added two
// by two in one instruction. Sums may wrap in between and are right modulo 2^32 at the end, where they fit.

#include <immintrin.h>

#include <cstring>

#include "image/row_loops.h"

#define PADDOCK_AVX2 __attribute__((target("avx2")))

namespace paddock::image {

namespace {

PADDOCK_AVX2 inline __m256i whole_sums(__m256i high, __m256i low) {
  return _mm256_add_epi32(_mm256_slli_epi32(high, kLowBits), low);
}

// One output at a time: four pixels are twelve bytes, spread to 16 bits as R0 R1 G0 G1 B0 B1 and R2 R3 G2 G3 B2 B3.
PADDOCK_AVX2 void across_avx2(const Filter& filter, const uint8_t* old_row, uint8_t* new_row) {
  const __m256i spread = _mm256_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1,  //
                                          6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1);
  const __m256i high_places = _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1);
  const __m256i low_places = _mm256_setr_epi32(2, 2, 2, 2, 3, 3, 3, 3);
  const __m128i half = _mm_set1_epi32(1 << (kFilterBits - 1));
  const int64_t groups = filter.taps / kTapGroup;
  const int16_t* halves = filter.halves.data();
  for (int64_t output = 0; output < filter.inside; ++output) {
    const uint8_t* pixels = old_row + 3 * int64_t{filter.first[output]};
    __m256i high = _mm256_setzero_si256(), low = _mm256_setzero_si256();
    for (int64_t group = 0; group < groups; ++group, pixels += 3 * kTapGroup, halves += 2 * kTapGroup) {
      const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(pixels));
      const __m256i samples = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(bytes), spread);
      const __m256i weights = _mm256_castsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(halves)));
      high = _mm256_add_epi32(high, _mm256_madd_epi16(samples, _mm256_permutevar8x32_epi32(weights, high_places)));
      low = _mm256_add_epi32(low, _mm256_madd_epi16(samples, _mm256_permutevar8x32_epi32(weights, low_places)));
    }
    const __m256i sums = whole_sums(high, low);
    const __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
    const __m128i rounded = _mm_srli_epi32(_mm_add_epi32(sum, half), kFilterBits);
    const __m128i words = _mm_packus_epi32(rounded, rounded);
    const int rgb = _mm_cvtsi128_si32(_mm_packus_epi16(words, words));
    std::memcpy(new_row + 3 * output, &rgb, 4);  // the fourth byte belongs to the next output, or to the margin
  }
  across_from(filter, old_row, filter.inside, new_row);
}

// Two rows at a time, 32 bytes wide.
PADDOCK_AVX2 void down_avx2(const uint8_t* const* rows, const int32_t* coefficients, int64_t count, int64_t bytes,
                            uint8_t* new_row) {
  constexpr int64_t kWide = 32;
  const __m256i half = _mm256_set1_epi32(1 << (kFilterBits - 1));
  int64_t start = 0;
  for (; start + kWide <= bytes; start += kWide) {
    __m256i high[4], low[4];
    for (int part = 0; part < 4; ++part) high[part] = low[part] = _mm256_setzero_si256();
    for (int64_t row = 0; row < count; row += 2) {
      const bool paired = row + 1 < count;
      const int32_t one = coefficients[row], other = paired ? coefficients[row + 1] : 0;
      constexpr int32_t kLowMask = (1 << kLowBits) - 1;
      const __m256i high_weights = _mm256_set1_epi32(one >> kLowBits | other >> kLowBits << 16);
      const __m256i low_weights = _mm256_set1_epi32((one & kLowMask) | (other & kLowMask) << 16);
      const uint8_t* const first = rows[row] + start;
      const uint8_t* const second = rows[paired ? row + 1 : row] + start;
      for (int side = 0; side < 2; ++side) {
        const __m128i a = _mm_loadu_si128(reinterpret_cast<const __m128i*>(first + 16 * side));
        const __m128i b = _mm_loadu_si128(reinterpret_cast<const __m128i*>(second + 16 * side));
        const __m256i left = _mm256_cvtepu8_epi16(_mm_unpacklo_epi8(a, b));
        const __m256i right = _mm256_cvtepu8_epi16(_mm_unpackhi_epi8(a, b));
        high[2 * side] = _mm256_add_epi32(high[2 * side], _mm256_madd_epi16(left, high_weights));
        low[2 * side] = _mm256_add_epi32(low[2 * side], _mm256_madd_epi16(left, low_weights));
        high[2 * side + 1] = _mm256_add_epi32(high[2 * side + 1], _mm256_madd_epi16(right, high_weights));
        low[2 * side + 1] = _mm256_add_epi32(low[2 * side + 1], _mm256_madd_epi16(right, low_weights));
      }
    }
    __m256i rounded[4];
    for (int part = 0; part < 4; ++part)
      rounded[part] = _mm256_srli_epi32(_mm256_add_epi32(whole_sums(high[part], low[part]), half), kFilterBits);
    const __m256i packed =
        _mm256_packus_epi16(_mm256_packus_epi32(rounded[0], rounded[1]), _mm256_packus_epi32(rounded[2], rounded[3]));
    const __m256i in_order = _mm256_permutevar8x32_epi32(packed, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(new_row + start), in_order);
  }
  down_from(rows, coefficients, count, start, bytes, new_row);
}

// 16 pixels at a time: each plane gathers its bytes from three registers.
PADDOCK_AVX2 void split_avx2(const uint8_t* rgb, int64_t count, uint8_t* red, uint8_t* green, uint8_t* blue) {
  alignas(16) static constexpr int8_t kPlaces[3][3][16] = {
      {{0, 3, 6, 9, 12, 15, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1},
       {-1, -1, -1, -1, -1, -1, 2, 5, 8, 11, 14, -1, -1, -1, -1, -1},
       {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 1, 4, 7, 10, 13}},
      {{1, 4, 7, 10, 13, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1},
       {-1, -1, -1, -1, -1, 0, 3, 6, 9, 12, 15, -1, -1, -1, -1, -1},
       {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 2, 5, 8, 11, 14}},
      {{2, 5, 8, 11, 14, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1},
       {-1, -1, -1, -1, -1, 1, 4, 7, 10, 13, -1, -1, -1, -1, -1, -1},
       {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0, 3, 6, 9, 12, 15}}};
  uint8_t* const planes[3] = {red, green, blue};
  int64_t i = 0;
  for (; i + 16 <= count; i += 16) {
    __m128i bytes[3];
    for (int part = 0; part < 3; ++part)
      bytes[part] = _mm_loadu_si128(reinterpret_cast<const __m128i*>(rgb + 3 * i + 16 * part));
    for (int plane = 0; plane < 3; ++plane) {
      __m128i gathered = _mm_setzero_si128();
      for (int part = 0; part < 3; ++part)
        gathered = _mm_or_si128(gathered,
                                _mm_shuffle_epi8(bytes[part], *reinterpret_cast<const __m128i*>(kPlaces[plane][part])));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(planes[plane] + i), gathered);
    }
  }
  kPlainLoops.split(rgb + 3 * i, count - i, red + i, green + i, blue + i);
}

}  // namespace

const RowLoops kAvx2Loops{across_avx2, down_avx2, split_avx2};

}  // namespace paddock::image
