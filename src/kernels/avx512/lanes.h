// SPDX-License-Identifier: Apache-2.0
#pragma once
// Sixteen floats in a register: what the loops of kernels/vector are instantiated with. In an unnamed namespace, so
// that nothing compiled for this machine can be linked to by code for another.

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace paddock::kernels::avx512 {
namespace {

struct Lanes {
  using Floats = __m512;
  static constexpr int64_t kCount = 16;
  static constexpr int kSums = 24;  // registers for sums; the others hold what is multiplied

  static Floats zero() { return _mm512_setzero_ps(); }
  static Floats set(float value) { return _mm512_set1_ps(value); }
  static Floats load(const float* from) { return _mm512_loadu_ps(from); }
  static void store(float* to, Floats x) { _mm512_storeu_ps(to, x); }
  static Floats load(const uint16_t* halves) {
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(halves)));
  }
  static void store(uint16_t* halves, Floats x) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(halves), _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT));
  }
  // The first `count` lanes, at most kCount; the others are zero, or not written.
  static Floats load_first(const float* from, int64_t count) { return _mm512_maskz_loadu_ps(first(count), from); }
  static void store_first(float* to, Floats x, int64_t count) { _mm512_mask_storeu_ps(to, first(count), x); }
  static Floats load_first(const uint16_t* halves, int64_t count) {
    return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(first(count), halves));
  }
  static void store_first(uint16_t* halves, Floats x, int64_t count) {
    _mm256_mask_storeu_epi16(halves, first(count), _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT));
  }

  static Floats add(Floats a, Floats b) { return _mm512_add_ps(a, b); }
  static Floats subtract(Floats a, Floats b) { return _mm512_sub_ps(a, b); }
  static Floats multiply(Floats a, Floats b) { return _mm512_mul_ps(a, b); }
  static Floats divide(Floats a, Floats b) { return _mm512_div_ps(a, b); }
  static Floats square_root(Floats x) { return _mm512_sqrt_ps(x); }
  static Floats multiply_add(Floats a, Floats b, Floats c) { return _mm512_fmadd_ps(a, b, c); }
  static Floats subtract_product(Floats c, Floats a, Floats b) { return _mm512_fnmadd_ps(a, b, c); }
  static Floats maximum(Floats a, Floats b) { return _mm512_max_ps(a, b); }  // b where one is NaN
  static Floats minimum(Floats a, Floats b) { return _mm512_min_ps(a, b); }
  static Floats magnitude(Floats x) { return _mm512_abs_ps(x); }
  static Floats round(Floats x) { return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
  // x * 2^exponent, for integers in [-126, 0]
  static Floats times_power_of_two(Floats x, Floats exponent) { return _mm512_scalef_ps(x, exponent); }
  // a < b ? x : y
  static Floats where_less(Floats a, Floats b, Floats x, Floats y) {
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), y, x);
  }
  // A bit for each lane where a >= b.
  static uint32_t at_least(Floats a, Floats b) { return _mm512_cmp_ps_mask(a, b, _CMP_GE_OQ); }
  // Lanes [begin, end) of x, both at most kCount; `others` elsewhere.
  static Floats between(Floats x, int64_t begin, int64_t end, Floats others) {
    return _mm512_mask_blend_ps(static_cast<__mmask16>(first(end) & ~first(begin)), others, x);
  }
  // (0, 1), (2, 3), ... exchanged
  static Floats exchange_pairs(Floats x) { return _mm512_permute_ps(x, 0xB1); }

  // As the reference's tree adds them: lane and lane + 8, + 4, + 2, + 1.
  static float sum(const Floats (&x)[1]) {
    const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(x[0]), _mm512_extractf32x8_ps(x[0], 1));
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
  }
  static float largest(Floats x) { return _mm512_reduce_max_ps(x); }

  // ---- stored rows, and words of four bytes

  using Words = __m512i;
  static Floats load_bf16(const uint16_t* from) {
    return wide(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
  }
  static Floats load_bf16_first(const uint16_t* from, int64_t count) {
    return wide(_mm256_maskz_loadu_epi16(first(count), from));
  }
  static void store_bf16(uint16_t* to, Floats x) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), narrow(x)); }
  static void store_bf16_first(uint16_t* to, Floats x, int64_t count) {
    _mm256_mask_storeu_epi16(to, first(count), narrow(x));
  }
  static Floats load_signed(const std::byte* from) { return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(sixteen(from))); }
  static Floats load_signed_first(const std::byte* from, int64_t count) {
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(first(count), from)));
  }
  static Words load_bytes(const std::byte* from) { return _mm512_cvtepu8_epi32(sixteen(from)); }
  static Words load_bytes_first(const std::byte* from, int64_t count) {
    return _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(first(count), from));
  }
  static void store_low_bytes(std::byte* to, Words x) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm512_cvtepi32_epi8(x));
  }
  static uint16_t to_half(float x) { return _cvtss_sh(x, _MM_FROUND_TO_NEAREST_INT); }
  static float from_half(uint16_t half) { return _cvtsh_ss(half); }
  // One binary16 in all lanes.
  static Floats set_half(const std::byte* from) {
    short half;
    __builtin_memcpy(&half, from, sizeof half);
    return _mm512_cvtph_ps(_mm256_set1_epi16(half));
  }

  static Floats as_floats(Words x) { return _mm512_castsi512_ps(x); }
  static Floats from_integers(Words x) { return _mm512_cvtepi32_ps(x); }
  static Words to_integers(Floats x) { return _mm512_cvtps_epi32(x); }
  static Words shift_left(Words x, int bits) { return _mm512_sll_epi32(x, _mm_cvtsi32_si128(bits)); }
  static Words shift_right(Words x, int bits) { return _mm512_srl_epi32(x, _mm_cvtsi32_si128(bits)); }
  static Words shift_right_signed(Words x, int bits) { return _mm512_sra_epi32(x, _mm_cvtsi32_si128(bits)); }
  static Words low_nibbles(Words x) { return _mm512_and_si512(x, _mm512_set1_epi32(15)); }
  static Words upper_half(Words x) { return _mm512_and_si512(x, _mm512_set1_epi32(static_cast<int>(0xFFFF0000u))); }
  static Words either(Words a, Words b) { return _mm512_or_si512(a, b); }
  // The lower half of each word is a binary16.
  static Floats low_half(Words x) { return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(x)); }
  // Both halves.
  static void split_halves(Words x, Floats* low, Floats* high) {
    const __m512i unzip = _mm512_set_epi16(31, 29, 27, 25, 23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1,  //
                                           30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
    const __m512i halves = _mm512_permutexvar_epi16(unzip, x);
    *low = _mm512_cvtph_ps(_mm512_castsi512_si256(halves));
    *high = _mm512_cvtph_ps(_mm512_extracti64x4_epi64(halves, 1));
  }

  // The word at the beginning of each of kCount rows.
  static Words words_at(const std::byte* from, int64_t row_bytes) {
    const __m512i rows = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    return _mm512_i32gather_epi32(_mm512_mullo_epi32(rows, _mm512_set1_epi32(static_cast<int>(row_bytes))), from, 1);
  }
  // word[column][row] = from[row][column] for four words of kCount rows. Masked loads put rows 0, 4, 8, 12 (then 1, 5,
  // ...) side by side, so that shuffles stay within quarters of a register.
  static void transpose_words(const std::byte* from, int64_t row_bytes, Words (&word)[4]) {
    __m512 rows[4];
#pragma GCC unroll 4
    for (int64_t row = 0; row < 4; ++row) {
      const auto four_of = [&](int64_t index) {
        return _mm_loadu_ps(reinterpret_cast<const float*>(from + index * row_bytes));
      };
      rows[row] = _mm512_broadcast_f32x4(four_of(row));
      rows[row] = _mm512_mask_broadcast_f32x4(rows[row], 0x00F0, four_of(row + 4));
      rows[row] = _mm512_mask_broadcast_f32x4(rows[row], 0x0F00, four_of(row + 8));
      rows[row] = _mm512_mask_broadcast_f32x4(rows[row], 0xF000, four_of(row + 12));
    }
    const __m512d low01 = _mm512_castps_pd(_mm512_unpacklo_ps(rows[0], rows[1]));
    const __m512d high01 = _mm512_castps_pd(_mm512_unpackhi_ps(rows[0], rows[1]));
    const __m512d low23 = _mm512_castps_pd(_mm512_unpacklo_ps(rows[2], rows[3]));
    const __m512d high23 = _mm512_castps_pd(_mm512_unpackhi_ps(rows[2], rows[3]));
    word[0] = _mm512_castpd_si512(_mm512_unpacklo_pd(low01, low23));
    word[1] = _mm512_castpd_si512(_mm512_unpackhi_pd(low01, low23));
    word[2] = _mm512_castpd_si512(_mm512_unpacklo_pd(high01, high23));
    word[3] = _mm512_castpd_si512(_mm512_unpackhi_pd(high01, high23));
  }

 private:
  static __mmask16 first(int64_t count) { return static_cast<__mmask16>((uint32_t{1} << count) - 1); }
  static __m128i sixteen(const std::byte* from) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from)); }
  static Floats wide(__m256i bf16) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bf16), 16)); }
  // To nearest, ties to even; NaN stays NaN.
  static __m256i narrow(Floats x) {
    const __m512i bits = _mm512_castps_si512(x), upper = _mm512_srli_epi32(bits, 16);
    const __m512i odd = _mm512_and_si512(upper, _mm512_set1_epi32(1));
    const __m512i up = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7FFF)));
    return _mm512_cvtepi32_epi16(_mm512_mask_or_epi32(_mm512_srli_epi32(up, 16), _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q),
                                                      upper, _mm512_set1_epi32(0x40)));
  }
};

}  // namespace
}  // namespace paddock::kernels::avx512
