// SPDX-License-Identifier: Apache-2.0
#pragma once
// x (1 + erf(x / sqrt 2)) / 2 in each lane, within 1e-6 + 2^-22 |x|. `Lanes` is of an unnamed namespace, so that each
// file has its own.

namespace paddock::kernels {

// From 5.4 on, 1 - erf(x / sqrt 2) is below half a unit in the last place of 1. Up to there erf(x / sqrt 2) = x p(u)
// with u = 2 (x / 5.4)^2 - 1 in [-1, 1], where powers of u stay small; p was fitted at Chebyshev's points with weight
// x, so that the error of the product, 2.4e-7, is even.
template <typename Lanes>
inline typename Lanes::Floats gelu(typename Lanes::Floats x) {
  using Floats = typename Lanes::Floats;
  constexpr float kEnd = 5.4f;
  constexpr float kPolynomial[] = {0.261856228f,   -0.130656078f,   0.0969989523f,  -0.078414537f,   0.0642373711f,
                                   -0.0514846891f, 0.0392624699f,   -0.0279579721f, 0.0193896946f,   -0.0133732492f,
                                   0.00717833778f, -0.00242292974f, 0.0018596634f,  -0.00204003742f, 0.000751965679f};
  const Floats magnitude = Lanes::magnitude(x);
  const Floats u = Lanes::multiply_add(Lanes::multiply(x, x), Lanes::set(2.0f / (kEnd * kEnd)), Lanes::set(-1.0f));
  constexpr int kDegree = sizeof kPolynomial / sizeof(float) - 1;
  Floats p = Lanes::set(kPolynomial[kDegree]);
#pragma GCC unroll 16
  for (int power = kDegree - 1; power >= 0; --power) p = Lanes::multiply_add(p, u, Lanes::set(kPolynomial[power]));
  const Floats half = Lanes::multiply(x, Lanes::set(0.5f));
  const Floats inside = Lanes::multiply_add(Lanes::multiply(half, x), p, half);
  return Lanes::where_less(magnitude, Lanes::set(kEnd), inside, Lanes::maximum(Lanes::zero(), x));
}

}  // namespace paddock::kernels
