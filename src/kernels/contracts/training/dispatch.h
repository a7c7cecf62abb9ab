// SPDX-License-Identifier: Apache-2.0
#pragma once
// Tokens to the rows of their experts and back. Each token n has K choices, c = n K + j; rows are sorted by expert.

#include <cstdint>
#include <span>

#include "kernels/contracts/memory.h"

namespace paddock::kernels {

struct ExpertOrder {
  std::span<const int32_t> choice_of_row;  // [R], R = T K
  std::span<const int32_t> row_of_choice;  // [T K]
  int64_t chosen = 1;                      // K
};

// rows[r] = gate[c] x[n], where c is the row's choice: what the experts read.
struct Dispatch {
  Rows x_TD;
  Address gates_TK;  // null: 1
  ExpertOrder order;
  Rows rows_RD;
};

// x[n] += sum over j of gate[c] rows[r]: what they write, or the gradient of what they read.
struct Collect {
  Rows rows_RD;
  Address gates_TK;  // null: 1
  ExpertOrder order;
  Rows x_TD;
};

// dgate[c] = rows[r] . x[n], with rows the gradient of what the experts read.
struct GateGradients {
  Rows rows_RD;
  Rows x_TD;
  ExpertOrder order;
  Address dgates_TK;  // float32, written
};

}  // namespace paddock::kernels
