// SPDX-License-Identifier: Apache-2.0
#include "kernels/vector/float_kernels.h"

#include <immintrin.h>

namespace paddock::kernels::avx2 {
namespace {

// Sixteen partial sums in two registers.
struct Partial {
  __m256 low, high;
};

// As the reference's tree adds them: lane and lane + 8, + 4, + 2, + 1.
float add_up(const Partial& partial) {
  const __m256 eight = _mm256_add_ps(partial.low, partial.high);
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}

// The last lanes, fewer than sixteen: added one by one, so that the others are left as they are.
Partial add_rest(const Partial& partial, const float* weights, const float* x, int64_t count) {
  alignas(32) float lanes[16];
  _mm256_store_ps(lanes, partial.low);
  _mm256_store_ps(lanes + 8, partial.high);
  for (int64_t lane = 0; lane < count; ++lane) lanes[lane] += weights[lane] * x[lane];
  return {_mm256_load_ps(lanes), _mm256_load_ps(lanes + 8)};
}

// kRows rows at once hide the latency of additions; the weights are loaded once for all of them.
template <int kRows>
void dot_block(const float* weights, const float* x, int64_t stride, int64_t count, float* sums) {
  Partial partial[kRows];
  for (int row = 0; row < kRows; ++row) partial[row] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
  int64_t start = 0;
  for (; start + 16 <= count; start += 16) {
    const __m256 low = _mm256_loadu_ps(weights + start), high = _mm256_loadu_ps(weights + start + 8);
#pragma GCC unroll 4
    for (int row = 0; row < kRows; ++row) {
      const float* from = x + row * stride + start;
      partial[row].low = _mm256_add_ps(partial[row].low, _mm256_mul_ps(low, _mm256_loadu_ps(from)));
      partial[row].high = _mm256_add_ps(partial[row].high, _mm256_mul_ps(high, _mm256_loadu_ps(from + 8)));
    }
  }
  for (int row = 0; row < kRows; ++row) {
    if (start < count) partial[row] = add_rest(partial[row], weights + start, x + row * stride + start, count - start);
    sums[row] = add_up(partial[row]);
  }
}

void dot_rows(const float* weights, const float* x, int64_t stride, int64_t rows, int64_t count, float* sums) {
  int64_t row = 0;
  for (; row + 4 <= rows; row += 4) dot_block<4>(weights, x + row * stride, stride, count, sums + row);
  for (; row < rows; ++row) dot_block<1>(weights, x + row * stride, stride, count, sums + row);
}

void add_scaled(const float* row, float factor, float* sums, int64_t count) {
  const __m256 factors = _mm256_set1_ps(factor);
  int64_t start = 0;
  for (; start + 8 <= count; start += 8)
    _mm256_storeu_ps(sums + start, _mm256_add_ps(_mm256_loadu_ps(sums + start),
                                                 _mm256_mul_ps(_mm256_loadu_ps(row + start), factors)));
  for (; start < count; ++start) sums[start] += row[start] * factor;
}

}  // namespace

const FloatKernels kFloatKernels = {"AVX2", decode_row, dot_rows, add_scaled};

}  // namespace paddock::kernels::avx2
