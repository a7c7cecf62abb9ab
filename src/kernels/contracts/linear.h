// SPDX-License-Identifier: Apache-2.0
#pragma once
// Products of many rows with weight matrices: y[t, o] (+)= f( sum over i of W[o, i] * x[t, i] + bias[o] )

#include <span>

#include "kernels/contracts/blocks.h"

namespace paddock::kernels {

enum class Activation : uint8_t {
  kNone,
  kGelu,  // x (1 + erf(x / sqrt 2)) / 2                                           (Hendrycks and Gimpel, arXiv
          // 1606.08415)
};

struct LinearOutput {
  Matrix weights;   // kOutputMajor; outputs a multiple of 16
  NormWeight bias;  // [outputs]; null: none
  Blocks y;
};

// Several matrices may share x. Each y[t, o] is summed in an order that depends on the matrix alone. Error:
//   |y - exact| <= inputs * 2^-22 * sum |W x|       as float32 would, whatever it is computed in,
//   |y - exact| <= 2^-7 * sum |W x|                 where `rounded`: both may be taken as bfloat16.
struct Linear {
  Blocks x;
  std::span<const LinearOutput> outputs;
  Activation activation = Activation::kNone;
  bool add = false;  // y +=, without an activation
  bool rounded = false;
  Address scratch;  // linear_scratch_bytes(x.rows, inputs)
};

// What a machine may keep of x in another form.
inline constexpr size_t linear_scratch_bytes(int64_t rows, int64_t inputs) {
  return static_cast<size_t>(rows) * static_cast<size_t>((inputs + 31) / 32 * 32) * sizeof(float);
}

}  // namespace paddock::kernels
