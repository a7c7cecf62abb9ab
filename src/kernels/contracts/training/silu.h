// SPDX-License-Identifier: Apache-2.0
#pragma once
// h = silu(a) b with a row's [a | b], silu(a) = a s, s = 1 / (1 + exp(-a)):
//   da = dh b s (1 + a (1 - s));   db = dh silu(a)                                 (Shazeer, arXiv 2002.05202)

#include "kernels/contracts/memory.h"

namespace paddock::kernels {

struct SiluProduct {
  Rows gate_up;  // [R, 2 F]
  Rows inner;    // [R, F], h
};

struct SiluProductBackward {
  Rows gate_up;  // [R, 2 F]; becomes its gradient
  Rows dinner;   // [R, F]
};

}  // namespace paddock::kernels
