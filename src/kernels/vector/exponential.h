// SPDX-License-Identifier: Apache-2.0
#pragma once
// exp(x) for x <= 0 in each lane, within 2 units in the last place; 0 below -87.34, where float32's normal numbers end.
// `Lanes` is of an unnamed namespace, so that each file has its own.

namespace paddock::kernels {

template <typename Lanes>
inline typename Lanes::Floats exponential(typename Lanes::Floats x) {
  using Floats = typename Lanes::Floats;
  constexpr float kSmallest = -87.336540f;  // above ln(2^-126)
  // x = n ln 2 + r with |r| <= ln 2 / 2; ln 2 in two parts, of which the first times n is exact. NaN passes.
  const Floats bounded = Lanes::maximum(Lanes::set(kSmallest), x);
  const Floats n = Lanes::round(Lanes::multiply(bounded, Lanes::set(1.44269504f)));
  Floats r = Lanes::subtract_product(bounded, n, Lanes::set(0.693359375f));
  r = Lanes::subtract_product(r, n, Lanes::set(-2.12194440e-4f));
  // The polynomial of Cephes' expf (Moshier): exp(r) = 1 + r + r^2 p(r).
  Floats p = Lanes::set(1.9875691500e-4f);
  p = Lanes::multiply_add(p, r, Lanes::set(1.3981999507e-3f));
  p = Lanes::multiply_add(p, r, Lanes::set(8.3334519073e-3f));
  p = Lanes::multiply_add(p, r, Lanes::set(4.1665795894e-2f));
  p = Lanes::multiply_add(p, r, Lanes::set(1.6666665459e-1f));
  p = Lanes::multiply_add(p, r, Lanes::set(5.0000001201e-1f));
  p = Lanes::multiply_add(p, Lanes::multiply(r, r), r);
  const Floats result = Lanes::times_power_of_two(Lanes::add(p, Lanes::set(1.0f)), n);
  return Lanes::where_less(x, Lanes::set(kSmallest), Lanes::zero(), result);
}

}  // namespace paddock::kernels
