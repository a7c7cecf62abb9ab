// SPDX-License-Identifier: Apache-2.0
#pragma once
// Of y = x r w with r = 1 / sqrt(mean(x^2) + eps), over each group of `group` numbers of a row:
//   g = dy w;   dx = r g - x r^3 mean(g x);   dw = sum over rows of dy x r

#include "kernels/contracts/memory.h"

namespace paddock::kernels {

struct NormBackward {
  Rows x;          // before the norm
  Address weight;  // float32 [width], group = width; null: 1
  int64_t group = 0;
  float epsilon = 0;
  Rows dy;
  Rows dx;           // may be dy
  bool add = false;  // dx +=
  Address dweight;   // float32 [width], dw is added; null where there is no weight
};

}  // namespace paddock::kernels
