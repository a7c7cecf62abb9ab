// SPDX-License-Identifier: Apache-2.0
#pragma once
// y = x / sqrt(mean(x^2) + eps) * weight                                          (Zhang and Sennrich, arXiv
// 1910.07467)

#include "kernels/contracts/memory.h"

namespace paddock::kernels {

// Over each row. Relative error of a few float32 roundings; the mean is summed in an order that depends on the width
// alone.
struct RmsNorm {
  Rows x_TD;
  NormWeight weight_D;
  float epsilon;
  Rows y_TD;  // may be x_TD
};

// The same over each head's own width and without a weight: Llama 4's QK-norm, in place.
struct HeadNorm {
  Rows x_TNH;          // [T, N * H]
  int64_t head_width;  // H
  float epsilon;
};

}  // namespace paddock::kernels
