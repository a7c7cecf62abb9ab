// SPDX-License-Identifier: Apache-2.0
#pragma once
// Eight floats in a register: what the loops of kernels/vector are instantiated with. In an unnamed namespace, so that
// nothing compiled for this machine can be linked to by code for another.

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace paddock::kernels::avx2 {
namespace {

struct Lanes {
  using Floats = __m256;
  static constexpr int64_t kCount = 8;
  static constexpr int kSums = 12;  // registers for sums; the others hold what is multiplied

  static Floats zero() { return _mm256_setzero_ps(); }
  static Floats set(float value) { return _mm256_set1_ps(value); }
  static Floats load(const float* from) { return _mm256_loadu_ps(from); }
  static void store(float* to, Floats x) { _mm256_storeu_ps(to, x); }
  static Floats load(const uint16_t* halves) {
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(halves)));
  }
  static void store(uint16_t* halves, Floats x) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(halves), _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT));
  }
  // The first `count` lanes, at most kCount; the others are zero, or not written.
  // Masked stores are slow on some processors: full ones go another way.
  static Floats load_first(const float* from, int64_t count) {
    return count >= kCount ? load(from) : _mm256_maskload_ps(from, first(count));
  }
  static void store_first(float* to, Floats x, int64_t count) {
    if (count >= kCount)
      store(to, x);
    else
      _mm256_maskstore_ps(to, first(count), x);
  }
  static Floats load_first(const uint16_t* halves, int64_t count) {
    alignas(16) uint16_t some[kCount] = {};
    for (int64_t index = 0; index < count; ++index) some[index] = halves[index];
    return load(some);
  }
  static void store_first(uint16_t* halves, Floats x, int64_t count) {
    alignas(16) uint16_t some[kCount];
    store(some, x);
    for (int64_t index = 0; index < count; ++index) halves[index] = some[index];
  }

  static Floats add(Floats a, Floats b) { return _mm256_add_ps(a, b); }
  static Floats subtract(Floats a, Floats b) { return _mm256_sub_ps(a, b); }
  static Floats multiply(Floats a, Floats b) { return _mm256_mul_ps(a, b); }
  static Floats divide(Floats a, Floats b) { return _mm256_div_ps(a, b); }
  static Floats square_root(Floats x) { return _mm256_sqrt_ps(x); }
  static Floats multiply_add(Floats a, Floats b, Floats c) { return _mm256_fmadd_ps(a, b, c); }
  static Floats subtract_product(Floats c, Floats a, Floats b) { return _mm256_fnmadd_ps(a, b, c); }
  static Floats maximum(Floats a, Floats b) { return _mm256_max_ps(a, b); }  // b where one is NaN
  static Floats minimum(Floats a, Floats b) { return _mm256_min_ps(a, b); }
  static Floats magnitude(Floats x) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x); }
  static Floats round(Floats x) { return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
  // x * 2^exponent, for integers in [-126, 0]
  static Floats times_power_of_two(Floats x, Floats exponent) {
    const __m256i biased = _mm256_add_epi32(_mm256_cvtps_epi32(exponent), _mm256_set1_epi32(127));
    return _mm256_mul_ps(x, _mm256_castsi256_ps(_mm256_slli_epi32(biased, 23)));
  }
  // a < b ? x : y
  static Floats where_less(Floats a, Floats b, Floats x, Floats y) {
    return _mm256_blendv_ps(y, x, _mm256_cmp_ps(a, b, _CMP_LT_OQ));
  }
  // A bit for each lane where a >= b.
  static uint32_t at_least(Floats a, Floats b) {
    return static_cast<uint32_t>(_mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_GE_OQ)));
  }
  // Lanes [begin, end) of x, both at most kCount; `others` elsewhere.
  static Floats between(Floats x, int64_t begin, int64_t end, Floats others) {
    const __m256i inside = _mm256_andnot_si256(first(begin), first(end));
    return _mm256_blendv_ps(others, x, _mm256_castsi256_ps(inside));
  }
  // (0, 1), (2, 3), ... exchanged
  static Floats exchange_pairs(Floats x) { return _mm256_permute_ps(x, 0xB1); }

  // Sixteen lanes as the reference's tree adds them: lane and lane + 8, + 4, + 2, + 1.
  static float sum(const Floats (&x)[2]) {
    const __m256 eight = _mm256_add_ps(x[0], x[1]);
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
  }
  static float largest(Floats x) {
    const __m128 four = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps(two, two, 1)));
  }

  // ---- stored rows, and words of four bytes

  using Words = __m256i;
  static Floats load_bf16(const uint16_t* from) {
    const __m128i halves = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
  }
  static Floats load_bf16_first(const uint16_t* from, int64_t count) {
    alignas(16) uint16_t some[kCount] = {};
    for (int64_t index = 0; index < count; ++index) some[index] = from[index];
    return load_bf16(some);
  }
  static void store_bf16(uint16_t* to, Floats x) {
    // To nearest, ties to even; NaN stays NaN.
    const __m256i bits = _mm256_castps_si256(x), upper = _mm256_srli_epi32(bits, 16);
    const __m256i odd = _mm256_and_si256(upper, _mm256_set1_epi32(1));
    const __m256i up = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7FFF)));
    const __m256i quiet = _mm256_or_si256(upper, _mm256_set1_epi32(0x40));
    const __m256i words =
        _mm256_blendv_epi8(_mm256_srli_epi32(up, 16), quiet, _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q)));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to),
                     _mm_packus_epi32(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1)));
  }
  static void store_bf16_first(uint16_t* to, Floats x, int64_t count) {
    alignas(16) uint16_t some[kCount];
    store_bf16(some, x);
    for (int64_t index = 0; index < count; ++index) to[index] = some[index];
  }
  static Floats load_signed(const std::byte* from) { return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(eight(from))); }
  static Floats load_signed_first(const std::byte* from, int64_t count) {
    std::byte some[kCount] = {};
    for (int64_t index = 0; index < count; ++index) some[index] = from[index];
    return load_signed(some);
  }
  static Words load_bytes(const std::byte* from) { return _mm256_cvtepu8_epi32(eight(from)); }
  static Words load_bytes_first(const std::byte* from, int64_t count) {
    std::byte some[kCount] = {};
    for (int64_t index = 0; index < count; ++index) some[index] = from[index];
    return load_bytes(some);
  }
  static void store_low_bytes(std::byte* to, Words x) {
    const __m256i low = _mm256_and_si256(x, _mm256_set1_epi32(0xFF));
    const __m128i halves = _mm_packus_epi32(_mm256_castsi256_si128(low), _mm256_extracti128_si256(low, 1));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(to), _mm_packus_epi16(halves, halves));
  }
  static uint16_t to_half(float x) { return _cvtss_sh(x, _MM_FROUND_TO_NEAREST_INT); }
  static float from_half(uint16_t half) { return _cvtsh_ss(half); }
  // One binary16 in all lanes.
  static Floats set_half(const std::byte* from) {
    short half;
    __builtin_memcpy(&half, from, sizeof half);
    return _mm256_cvtph_ps(_mm_set1_epi16(half));
  }

  static Floats as_floats(Words x) { return _mm256_castsi256_ps(x); }
  static Floats from_integers(Words x) { return _mm256_cvtepi32_ps(x); }
  static Words to_integers(Floats x) { return _mm256_cvtps_epi32(x); }
  static Words shift_left(Words x, int bits) { return _mm256_sll_epi32(x, _mm_cvtsi32_si128(bits)); }
  static Words shift_right(Words x, int bits) { return _mm256_srl_epi32(x, _mm_cvtsi32_si128(bits)); }
  static Words shift_right_signed(Words x, int bits) { return _mm256_sra_epi32(x, _mm_cvtsi32_si128(bits)); }
  static Words low_nibbles(Words x) { return _mm256_and_si256(x, _mm256_set1_epi32(15)); }
  static Words upper_half(Words x) { return _mm256_and_si256(x, _mm256_set1_epi32(static_cast<int>(0xFFFF0000u))); }
  static Words either(Words a, Words b) { return _mm256_or_si256(a, b); }
  // The lower half of each word is a binary16.
  static Floats low_half(Words x) {
    const __m256i low = _mm256_and_si256(x, _mm256_set1_epi32(0xFFFF));
    return _mm256_cvtph_ps(_mm_packus_epi32(_mm256_castsi256_si128(low), _mm256_extracti128_si256(low, 1)));
  }
  // Both halves.
  static void split_halves(Words x, Floats* low, Floats* high) {
    const __m256i unzip = _mm256_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15,  //
                                           0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15);
    const __m256i halves = _mm256_permute4x64_epi64(_mm256_shuffle_epi8(x, unzip), 0xD8);
    *low = _mm256_cvtph_ps(_mm256_castsi256_si128(halves));
    *high = _mm256_cvtph_ps(_mm256_extracti128_si256(halves, 1));
  }

  // The word at the beginning of each of kCount rows.
  static Words words_at(const std::byte* from, int64_t row_bytes) {
    int words[kCount];
    for (int64_t row = 0; row < kCount; ++row) __builtin_memcpy(&words[row], from + row * row_bytes, sizeof words[row]);
    return _mm256_setr_epi32(words[0], words[1], words[2], words[3], words[4], words[5], words[6], words[7]);
  }
  // word[column][row] = from[row][column] for four words of kCount rows. Loads put rows 0 and 4 (then 1 and 5, ...)
  // side by side, so that shuffles stay within halves of a register.
  static void transpose_words(const std::byte* from, int64_t row_bytes, Words (&word)[4]) {
    __m256 rows[4];
#pragma GCC unroll 4
    for (int64_t row = 0; row < 4; ++row) {
      const auto four_of = [&](int64_t index) {
        return _mm_loadu_ps(reinterpret_cast<const float*>(from + index * row_bytes));
      };
      rows[row] = _mm256_insertf128_ps(_mm256_castps128_ps256(four_of(row)), four_of(row + 4), 1);
    }
    const __m256d low01 = _mm256_castps_pd(_mm256_unpacklo_ps(rows[0], rows[1]));
    const __m256d high01 = _mm256_castps_pd(_mm256_unpackhi_ps(rows[0], rows[1]));
    const __m256d low23 = _mm256_castps_pd(_mm256_unpacklo_ps(rows[2], rows[3]));
    const __m256d high23 = _mm256_castps_pd(_mm256_unpackhi_ps(rows[2], rows[3]));
    word[0] = _mm256_castpd_si256(_mm256_unpacklo_pd(low01, low23));
    word[1] = _mm256_castpd_si256(_mm256_unpackhi_pd(low01, low23));
    word[2] = _mm256_castpd_si256(_mm256_unpacklo_pd(high01, high23));
    word[3] = _mm256_castpd_si256(_mm256_unpackhi_pd(high01, high23));
  }

 private:
  static __m256i first(int64_t count) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  }
  static __m128i eight(const std::byte* from) { return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from)); }
};

}  // namespace
}  // namespace paddock::kernels::avx2
