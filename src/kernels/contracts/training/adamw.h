// SPDX-License-Identifier: Apache-2.0
#pragma once
// Adam with decoupled decay                                                       (Loshchilov and Hutter, arXiv
// 1711.05101)

#include <cstdint>

#include "kernels/contracts/memory.h"

namespace paddock::kernels {

// g = clip * gradient;  m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;  w *= 1 - rate decay;
// w -= rate (m / (1 - b1^step)) / (sqrt(v / (1 - b2^step)) + epsilon)
struct AdamW {
  Address weights, gradients, first_moments, second_moments;  // float32 [count]
  int64_t count = 0;
  int64_t step = 1;  // from 1 on
  double rate = 0, decay = 0, beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8;
  double clip = 1;
};

}  // namespace paddock::kernels
