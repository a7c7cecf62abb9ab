// SPDX-License-Identifier: Apache-2.0
#pragma once
// y = (x - mean(x)) / sqrt(mean((x - mean(x))^2) + eps) * weight + bias              (Ba et al., arXiv 1607.06450)

#include "kernels/contracts/blocks.h"

namespace paddock::kernels {

// Over each row. Means are summed in an order that depends on the width alone; relative error of a few float32
// roundings of the sum of magnitudes.
struct LayerNorm {
  Blocks x;
  NormWeight weight, bias;  // [width]
  float epsilon;
  Blocks y;  // may be x
};

}  // namespace paddock::kernels
