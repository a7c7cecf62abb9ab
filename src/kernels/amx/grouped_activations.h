// SPDX-License-Identifier: Apache-2.0
#pragma once
// Activations for weights in blocks of 256 whose groups have integer scales: 256 of them share a scale, value = scale *
// (16 * high + low), twelve bits. Products of them with weights, groups' scales and all, add up to an integer of 32
// bits for a whole block, in any order; then there is one float product.

#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace paddock::kernels::amx {

constexpr int64_t kGrouped = 256;  // weights of a block
constexpr int kMostActivation = 127 * 16;

// Where activation i of a block lies among the 256 bytes that four registers of weights meet, as their format gives
// them: in runs of kRun.
struct CrumbOrder {  // Q2_K, Q3_K: register k has the bits 2 k of 64 bytes, which are runs k and k + 4 of 32
  static constexpr int64_t kRun = 16;
  static constexpr bool kSums = true;  // Q2_K has minima
  static constexpr int64_t at(int64_t i) { return i / 32 % 4 * 64 + i / 128 * 32 + i % 32; }
};
struct RowOrder {  // IQ2, IQ3: register k has every fourth from k on
  static constexpr int64_t kRun = 1;
  static constexpr bool kSums = false;
  static constexpr int64_t at(int64_t i) { return i % 4 * 64 + i / 4; }
};
struct NibbleOrder {  // IQ4_XS: two registers have the lower and the upper nibbles of four groups, two of the other
                      // four
  static constexpr int64_t kRun = 16;
  static constexpr bool kSums = false;
  static constexpr int64_t at(int64_t i) { return i / 128 * 128 + i % 32 / 16 * 64 + i / 32 % 4 * 16 + i % 16; }
};

// One token's.
struct alignas(64) GroupedRow {
  int8_t high[kGrouped];  // -127 to 127, in the format's order
  int8_t low[kGrouped];   // -8 to 7
  // What adding 128 to each weight adds to the sums of a lane, four bytes of each register, negated: of registers 0 and
  // 1, of 2 and 3, and of all.
  int32_t corrections[3][16];
  // Sums of sixteen consecutive quants, 256 * high + low, where the order is of weights with minima.
  int8_t sums_high[16], sums_low[16];
  float scale;
};

// The quants in their order.
struct GroupedQuants {
  alignas(64) int8_t high[kGrouped];
  alignas(64) int8_t low[kGrouped];
  int8_t sums_high[16], sums_low[16];
  float scale;
};

template <typename Order>
static inline void quantise_grouped(const float* x, GroupedQuants& to) {
  // As integers, magnitudes are in order and what is not a number is the largest.
  const __m512i magnitude = _mm512_set1_epi32(0x7fffffff);
  __m512i largest = _mm512_setzero_si512();
  for (int64_t i = 0; i < kGrouped; i += 16)
    largest = _mm512_max_epu32(largest, _mm512_and_si512(_mm512_loadu_si512(x + i), magnitude));
  const float most =
      _mm_cvtss_f32(_mm_castsi128_ps(_mm_cvtsi32_si128(static_cast<int>(_mm512_reduce_max_epu32(largest)))));
  const bool nothing = most < 1e-30f;
  // What is not finite is passed on by the scale: zero times it is not a number.
  const __mmask16 usable = nothing || !(most <= 3.402823466e38f) ? 0 : 0xffff;
  const __m512 inverse = _mm512_set1_ps(nothing ? 0.0f : kMostActivation / most);
  to.scale = nothing ? 0.0f : most / kMostActivation;
  for (int64_t i = 0; i < kGrouped; i += 16) {
    const __m512i quants = _mm512_maskz_cvtps_epi32(usable, _mm512_mul_ps(_mm512_loadu_ps(x + i), inverse));
    const __m512i high = _mm512_srai_epi32(_mm512_add_epi32(quants, _mm512_set1_epi32(8)), 4);
    const __m512i low = _mm512_sub_epi32(quants, _mm512_slli_epi32(high, 4));
    const __m128i high_bytes = _mm512_cvtsepi32_epi8(high), low_bytes = _mm512_cvtepi32_epi8(low);
    if constexpr (Order::kRun == 16) {
      _mm_store_si128(reinterpret_cast<__m128i*>(to.high + Order::at(i)), high_bytes);
      _mm_store_si128(reinterpret_cast<__m128i*>(to.low + Order::at(i)), low_bytes);
    } else {
      alignas(16) int8_t high_quants[16], low_quants[16];
      _mm_store_si128(reinterpret_cast<__m128i*>(high_quants), high_bytes);
      _mm_store_si128(reinterpret_cast<__m128i*>(low_quants), low_bytes);
      for (int64_t j = 0; j < 16; ++j) {
        to.high[Order::at(i + j)] = high_quants[j];
        to.low[Order::at(i + j)] = low_quants[j];
      }
    }
    if constexpr (Order::kSums) {
      const int32_t sum = _mm512_reduce_add_epi32(quants), upper = (sum + 128) >> 8;
      to.sums_high[i / 16] = static_cast<int8_t>(upper);
      to.sums_low[i / 16] = static_cast<int8_t>(sum - upper * 256);
    }
  }
}

template <typename Order>
static inline void quantise_grouped(const float* x, GroupedRow& to) {
  GroupedQuants quants;
  quantise_grouped<Order>(x, quants);
  std::memcpy(to.high, quants.high, sizeof to.high);
  std::memcpy(to.low, quants.low, sizeof to.low);
  if constexpr (Order::kSums) {
    std::memcpy(to.sums_high, quants.sums_high, sizeof to.sums_high);
    std::memcpy(to.sums_low, quants.sums_low, sizeof to.sums_low);
  }
  to.scale = quants.scale;
  const __m512i ones = _mm512_set1_epi8(1);
  __m512i sums[2];
  for (int pair = 0; pair < 2; ++pair) {
    const int8_t *high = quants.high + pair * 128, *low = quants.low + pair * 128;
    __m512i sum = _mm512_dpbusd_epi32(_mm512_setzero_si512(), ones, _mm512_load_si512(high));
    sum = _mm512_slli_epi32(_mm512_dpbusd_epi32(sum, ones, _mm512_load_si512(high + 64)), 4);
    sum = _mm512_dpbusd_epi32(sum, ones, _mm512_load_si512(low));
    sum = _mm512_dpbusd_epi32(sum, ones, _mm512_load_si512(low + 64));
    sums[pair] = _mm512_sub_epi32(_mm512_setzero_si512(), _mm512_slli_epi32(sum, 7));
    _mm512_store_si512(to.corrections[pair], sums[pair]);
  }
  _mm512_store_si512(to.corrections[2], _mm512_add_epi32(sums[0], sums[1]));
}

}  // namespace paddock::kernels::amx
