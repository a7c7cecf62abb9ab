// SPDX-License-Identifier: Apache-2.0
#pragma once
// logits[r] = head · rms_norm(x[row r]), only for the rows that somebody will read.

#include <cstdint>
#include <span>

#include "kernels/contracts/memory.h"

namespace paddock::kernels {

struct Logits {
  Rows x_TD;
  std::span<const int32_t> rows;  // [R], indices into x_TD
  NormWeight norm_D;
  float epsilon;
  Matrix head_VD;
  Rows normed_RD;  // rms_norm(x[row r]) afterwards
  Rows logits_RV;
};

}  // namespace paddock::kernels
