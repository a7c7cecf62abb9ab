// SPDX-License-Identifier: Apache-2.0
#include "kernels/vector/float_kernels.h"

#include <immintrin.h>

namespace paddock::kernels::avx512 {
namespace {

// The sixteen partial sums as the reference's tree adds them: lane and lane + 8, + 4, + 2, + 1.
float add_up(__m512 partial) {
  const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(partial), _mm512_extractf32x8_ps(partial, 1));
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}

// kRows rows at once hide the latency of additions; the weights are loaded once for all of them.
template <int kRows>
void dot_block(const float* weights, const float* x, int64_t stride, int64_t count, float* sums) {
  __m512 partial[kRows];
  for (int row = 0; row < kRows; ++row) partial[row] = _mm512_setzero_ps();
  int64_t start = 0;
  for (; start + 16 <= count; start += 16) {
    const __m512 w = _mm512_loadu_ps(weights + start);
#pragma GCC unroll 8
    for (int row = 0; row < kRows; ++row)
      partial[row] = _mm512_add_ps(partial[row], _mm512_mul_ps(w, _mm512_loadu_ps(x + row * stride + start)));
  }
  if (start < count) {
    const auto lanes = static_cast<__mmask16>((1u << (count - start)) - 1);
    const __m512 w = _mm512_maskz_loadu_ps(lanes, weights + start);
#pragma GCC unroll 8
    for (int row = 0; row < kRows; ++row)
      partial[row] = _mm512_mask_add_ps(partial[row], lanes, partial[row],
                                        _mm512_mul_ps(w, _mm512_maskz_loadu_ps(lanes, x + row * stride + start)));
  }
  for (int row = 0; row < kRows; ++row) sums[row] = add_up(partial[row]);
}

void dot_rows(const float* weights, const float* x, int64_t stride, int64_t rows, int64_t count, float* sums) {
  int64_t row = 0;
  for (; row + 8 <= rows; row += 8) dot_block<8>(weights, x + row * stride, stride, count, sums + row);
  for (; row < rows; ++row) dot_block<1>(weights, x + row * stride, stride, count, sums + row);
}

void add_scaled(const float* row, float factor, float* sums, int64_t count) {
  const __m512 factors = _mm512_set1_ps(factor);
  int64_t start = 0;
  for (; start + 16 <= count; start += 16)
    _mm512_storeu_ps(sums + start, _mm512_add_ps(_mm512_loadu_ps(sums + start),
                                                 _mm512_mul_ps(_mm512_loadu_ps(row + start), factors)));
  for (; start < count; ++start) sums[start] += row[start] * factor;
}

}  // namespace

const FloatKernels kFloatKernels = {"AVX-512", avx2::decode_row, dot_rows, add_scaled};

}  // namespace paddock::kernels::avx512
