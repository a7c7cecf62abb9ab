// SPDX-License-Identifier: Apache-2.0
#pragma once
// Products of float32 matrices, which are what training spends its time on: y = x W^T forward, dx = dy W and
// dW = dy^T x backward, each for many experts at once.

#include <span>

#include "kernels/contracts/training/plane.h"

namespace paddock::kernels {

// c[m, n] = scale * sum over k of a[m, k] b[k, n]
struct PlaneProduct {
  Plane a, b, c;
  float scale = 1;
};

// No two write the same numbers, and none reads what another writes. A product whose k is 0 gives zeros. Each c[m, n]
// is summed in an order that depends on k alone. Error:
//   |c - exact| <= k * 2^-22 * |scale| * sum |a b|       as float32 would,
//   |c - exact| <= 2^-7 * |scale| * sum |a b|            where `rounded`: a and b may be taken as bfloat16.
struct Multiply {
  std::span<const PlaneProduct> products;
  bool add = false;  // c +=
  bool rounded = false;
};

}  // namespace paddock::kernels
