// SPDX-License-Identifier: Apache-2.0
#pragma once
// Eight lanes for kernels/vector/int8_loops.h. Included inside an unnamed namespace's file of one target: each has its
// own dot.

#include <immintrin.h>

#include <cstdint>
#include <cstring>

namespace paddock::kernels {
namespace {

// All but the dot product and what is added to the weights for it.
struct EightLanes {
  using Floats = __m256;
  using Ints = __m256i;
  static constexpr int64_t kWidth = 8;
  static constexpr int kTokens =
      3;  // two panels of them: six integer sums beside six float sums, weights and activations

  static Floats zero() { return _mm256_setzero_ps(); }
  static Floats load(const float* from) { return _mm256_load_ps(from); }
  static void store(float* to, Floats values) { _mm256_store_ps(to, values); }
  static Ints load_ints(const void* from) { return _mm256_load_si256(static_cast<const __m256i*>(from)); }
  static Ints broadcast(const void* four_bytes) {
    int32_t value;
    std::memcpy(&value, four_bytes, sizeof value);
    return _mm256_set1_epi32(value);
  }
  static Floats broadcast(float value) { return _mm256_set1_ps(value); }
  static Floats to_floats(Ints values) { return _mm256_cvtepi32_ps(values); }
  static Floats multiply(Floats a, Floats b) { return _mm256_mul_ps(a, b); }
  static Floats add_product(Floats a, Floats b, Floats sum) { return _mm256_fmadd_ps(a, b, sum); }

  // 32 quants of eight rows that lie `stride` bytes apart to eight vectors of four quants a row, `offset` added to
  // each.
  static void interleave_with(int offset, const int8_t* rows, int64_t stride, uint8_t (*to)[kWidth][4]) {
    __m256i row[8], pair[8], quad[8];
    for (int i = 0; i < 8; ++i)
      row[i] = _mm256_add_epi8(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(rows + i * stride)),
                               _mm256_set1_epi8(static_cast<char>(offset)));
    for (int i = 0; i < 8; i += 2) {
      pair[i] = _mm256_unpacklo_epi32(row[i], row[i + 1]);
      pair[i + 1] = _mm256_unpackhi_epi32(row[i], row[i + 1]);
    }
    for (int i = 0; i < 8; i += 4) {
      quad[i] = _mm256_unpacklo_epi64(pair[i], pair[i + 2]);
      quad[i + 1] = _mm256_unpackhi_epi64(pair[i], pair[i + 2]);
      quad[i + 2] = _mm256_unpacklo_epi64(pair[i + 1], pair[i + 3]);
      quad[i + 3] = _mm256_unpackhi_epi64(pair[i + 1], pair[i + 3]);
    }
    for (int i = 0; i < 4; ++i) {
      _mm256_store_si256(reinterpret_cast<__m256i*>(to[i]), _mm256_permute2x128_si256(quad[i], quad[i + 4], 0x20));
      _mm256_store_si256(reinterpret_cast<__m256i*>(to[i + 4]), _mm256_permute2x128_si256(quad[i], quad[i + 4], 0x31));
    }
  }
};

}  // namespace
}  // namespace paddock::kernels
