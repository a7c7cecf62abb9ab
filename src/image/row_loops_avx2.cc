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

// Four pixels of two rows, one in each half of a register.
PADDOCK_AVX2 inline __m256i load_pixels(const uint8_t* one, const uint8_t* other) {
  return _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(one))),
                                 _mm_loadu_si128(reinterpret_cast<const __m128i*>(other)), 1);
}

// Two coefficients of 16 bits in all places.
PADDOCK_AVX2 inline __m256i load_pair(const int16_t* pair) {
  int both;
  std::memcpy(&both, pair, 4);
  return _mm256_set1_epi32(both);
}

// The fourth byte that is written belongs to the next output, or to the margin.
PADDOCK_AVX2 inline void store_pixels(__m256i sums, uint8_t* one, uint8_t* other) {
  const __m256i half = _mm256_set1_epi32(1 << (kFilterBits - 1));
  const __m256i rounded = _mm256_srli_epi32(_mm256_add_epi32(sums, half), kFilterBits);
  const __m256i words = _mm256_packus_epi32(rounded, rounded);
  const __m256i bytes = _mm256_packus_epi16(words, words);
  const int first = _mm_cvtsi128_si32(_mm256_castsi256_si128(bytes));
  const int second = _mm_cvtsi128_si32(_mm256_extracti128_si256(bytes, 1));
  std::memcpy(one, &first, 4);
  std::memcpy(other, &second, 4);
}

// One output of four rows at a time. Of four pixels, the first two are spread to 16 bits as R0 R1 G0 G1 B0 B1, then the
// others.
PADDOCK_AVX2 void across_avx2(const Filter& filter, const uint8_t* const (&old_rows)[kRowsAtOnce],
                              uint8_t* const (&new_rows)[kRowsAtOnce]) {
  static_assert(kRowsAtOnce == 4 && kTapGroup == 4);
  const __m256i first_two =
      _mm256_broadcastsi128_si256(_mm_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1));
  const __m256i last_two =
      _mm256_broadcastsi128_si256(_mm_setr_epi8(6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1));
  const int64_t groups = filter.taps / kTapGroup;
  const int16_t* halves = filter.halves.data();
  for (int64_t output = 0; output < filter.inside; ++output) {
    int64_t at = 3 * int64_t{filter.first[output]};
    __m256i high_ab = _mm256_setzero_si256(), low_ab = high_ab, high_cd = high_ab, low_cd = high_ab;
    for (int64_t group = 0; group < groups; ++group, at += 3 * kTapGroup, halves += 2 * kTapGroup) {
      const __m256i ab = load_pixels(old_rows[0] + at, old_rows[1] + at);
      const __m256i cd = load_pixels(old_rows[2] + at, old_rows[3] + at);
      const __m256i ab_first = _mm256_shuffle_epi8(ab, first_two), ab_last = _mm256_shuffle_epi8(ab, last_two);
      const __m256i cd_first = _mm256_shuffle_epi8(cd, first_two), cd_last = _mm256_shuffle_epi8(cd, last_two);
      const __m256i high_first = load_pair(halves), high_last = load_pair(halves + 2);
      const __m256i low_first = load_pair(halves + 4), low_last = load_pair(halves + 6);
      high_ab = _mm256_add_epi32(
          high_ab, _mm256_add_epi32(_mm256_madd_epi16(ab_first, high_first), _mm256_madd_epi16(ab_last, high_last)));
      low_ab = _mm256_add_epi32(
          low_ab, _mm256_add_epi32(_mm256_madd_epi16(ab_first, low_first), _mm256_madd_epi16(ab_last, low_last)));
      high_cd = _mm256_add_epi32(
          high_cd, _mm256_add_epi32(_mm256_madd_epi16(cd_first, high_first), _mm256_madd_epi16(cd_last, high_last)));
      low_cd = _mm256_add_epi32(
          low_cd, _mm256_add_epi32(_mm256_madd_epi16(cd_first, low_first), _mm256_madd_epi16(cd_last, low_last)));
    }
    store_pixels(whole_sums(high_ab, low_ab), new_rows[0] + 3 * output, new_rows[1] + 3 * output);
    store_pixels(whole_sums(high_cd, low_cd), new_rows[2] + 3 * output, new_rows[3] + 3 * output);
  }
  for (int row = 0; row < kRowsAtOnce; ++row)
    if (row == 0 || new_rows[row] != new_rows[row - 1])
      across_from(filter, old_rows[row], filter.inside, new_rows[row]);
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
