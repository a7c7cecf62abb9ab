// SPDX-License-Identifier: Apache-2.0
#pragma once
// x[t] = table[token[t]]

#include <cstdint>
#include <span>

#include "kernels/contracts/memory.h"

namespace paddock::kernels {

// Exact: the stored row, decoded to float32.
struct Embed {
  Matrix table_VD;                  // outputs = vocabulary, inputs = width
  std::span<const int32_t> tokens;  // [T], each in [0, V)
  Rows x_TD;
};

}  // namespace paddock::kernels
