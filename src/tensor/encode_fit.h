// SPDX-License-Identifier: Apache-2.0
#pragma once
// Scales of a group of numbers, searched for the least squared error: of x = s q, and of x = s q - m. Candidates lay
// the range of quants over the group a little narrower and wider than its extremes say; each is judged with the scale
// that fits its quants best, which has a closed form. Sums run in eight lanes, so that they have one order everywhere.

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "tensor/floats.h"

namespace paddock::tensor {

// To the nearest integer, ties to even, for magnitudes below 2^22; without a call, so that loops become vector code.
inline float round_small(float value) {
  constexpr float kShift = 12582912.0f;  // 1.5 * 2^23
  return (value + kShift) - kShift;
}

inline float quant_of(float scaled, float low, float high) {
  return round_small(std::min(std::max(scaled, low), high));
}

// term(i) over [0, kCount), a multiple of eight.
template <int kCount, typename Term>
float sum_in_lanes(const Term& term) {
  static_assert(kCount % 8 == 0);
  float lanes[8] = {};
  for (int first = 0; first < kCount; first += 8)
    for (int lane = 0; lane < 8; ++lane) lanes[lane] += term(first + lane);
  return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

// Far below what a half can be, and far above where a quotient overflows.
constexpr float kNothing = 0x1p-48f;

inline uint16_t nearest_finite_half(float value) { return half_from_float(std::clamp(value, -65504.0f, 65504.0f)); }

// The unit of integers that reach up to `value` / unit: the nearest half, or where halves lie far apart the next
// greater in magnitude, because a smaller one would not reach.
inline uint16_t reaching_half(float value) {
  const uint16_t half = nearest_finite_half(value);
  constexpr float kAlmost = 1 - 0x1p-10f;
  return std::abs(float_from_half(half)) < std::abs(value) * kAlmost && std::abs(value) < 1 ? half + 1 : half;
}

inline float inverse_or_zero(float scale) { return scale != 0 ? 1 / scale : 0; }

struct QuantRange {
  float low, high;
  // How much further than its largest quant a candidate may put the extreme: coarse formats gain by cutting it off.
  float reach;
};

template <int kCount>
float largest_magnitude(const float* x, float* extreme) {
  *extreme = 0;
  for (int index = 0; index < kCount; ++index)
    if (std::abs(x[index]) > std::abs(*extreme)) *extreme = x[index];
  return std::abs(*extreme);
}

// s of x = s q, of either sign. 0 where all numbers are, or as good as.
template <int kCount>
float fit_scale(const float* x, const QuantRange& range) {
  float extreme;
  if (largest_magnitude<kCount>(x, &extreme) < kNothing) return 0;
  float best_gain = 0, best = 0;
  const auto consider = [&](float inverse) {
    float q[kCount];
    for (int index = 0; index < kCount; ++index) q[index] = quant_of(x[index] * inverse, range.low, range.high);
    const float xq = sum_in_lanes<kCount>([&](int index) { return x[index] * q[index]; });
    const float qq = sum_in_lanes<kCount>([&](int index) { return q[index] * q[index]; });
    if (qq == 0 || xq * xq <= best_gain * qq) return;  // the squared error is that of 0 less xq^2 / qq
    best_gain = xq * xq / qq;
    best = xq / qq;
  };
  constexpr float kStep = 0.125f;  // of a quant at the extreme
  for (float delta = -0.75f; delta <= range.reach; delta += kStep) {
    consider((range.low - delta) / extreme);
    consider((range.high + delta) / extreme);
  }
  for (int refinement = 0; refinement < 2 && best != 0; ++refinement) consider(1 / best);
  return best;
}

struct ScaleAndOffset {
  float scale = 0, minimum = 0;  // x = scale q - minimum
};

// s and m of x = s q - m with q in [0, levels]. `below_zero`: m is at least 0.
template <int kCount>
ScaleAndOffset fit_scale_and_minimum(const float* x, float levels, float reach, bool below_zero) {
  float least = *std::min_element(x, x + kCount), most = *std::max_element(x, x + kCount);
  if (below_zero) least = std::min(least, 0.0f);
  if (most - least < kNothing) return {0, -least};
  const float sum_x = sum_in_lanes<kCount>([&](int index) { return x[index]; });
  ScaleAndOffset best{0, -least};
  float best_error = INFINITY;
  const auto consider = [&](float scale, float minimum) {
    const float inverse = 1 / scale;
    float q[kCount];
    for (int index = 0; index < kCount; ++index) q[index] = quant_of((x[index] + minimum) * inverse, 0, levels);
    const float sum_q = sum_in_lanes<kCount>([&](int index) { return q[index]; });
    const float sum_qq = sum_in_lanes<kCount>([&](int index) { return q[index] * q[index]; });
    const float sum_xq = sum_in_lanes<kCount>([&](int index) { return x[index] * q[index]; });
    const float determinant = kCount * sum_qq - sum_q * sum_q;
    if (!(determinant > 0)) return;
    ScaleAndOffset fit{(kCount * sum_xq - sum_x * sum_q) / determinant, 0};
    fit.minimum = (fit.scale * sum_q - sum_x) / kCount;
    if (below_zero && fit.minimum < 0) fit = {sum_xq / sum_qq, 0};
    if (!(fit.scale > 0)) return;
    const float error = sum_in_lanes<kCount>([&](int index) {
      const float rest = x[index] - (fit.scale * q[index] - fit.minimum);
      return rest * rest;
    });
    if (error >= best_error) return;
    best_error = error;
    best = fit;
  };
  constexpr float kStep = 0.125f;
  for (float delta = -0.5f; delta <= reach; delta += kStep) {
    const float scale = (most - least) / (levels + delta);
    consider(scale, -least);
    if (delta > 0) consider(scale, -least - scale * delta / 2);  // cut off at both ends
  }
  for (int refinement = 0; refinement < 2 && best.scale > 0; ++refinement) consider(best.scale, best.minimum);
  return best;
}

}  // namespace paddock::tensor
