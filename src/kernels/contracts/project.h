// SPDX-License-Identifier: Apache-2.0
#pragma once
// Products with weight matrices: y[t, o] = scale[o] * sum over i of W[o, i] * x[t, i]

#include <span>

#include "kernels/contracts/low_rank.h"
#include "kernels/contracts/memory.h"

namespace paddock::kernels {

// Each y[t, o] is summed in an order that depends on the matrix alone: not on T, not on the threads.
struct Project {
  Rows x_TD;
  Matrix weights;
  Rows y_TO;
  bool add = false;  // y += instead of y =
};

// Queries, keys and values of one layer from the same normalised input.
struct ProjectQkv {
  Rows x_TD;
  Matrix wq, wk, wv;
  Rows q_TNH, k_TGH, v_TGH;
};

// y += down( silu(gate x) * (up x) ), silu(z) = z / (1 + exp(-z))                  (Shazeer, arXiv 2002.05202)
// Where rows have updates, they are added to the products gate x, up x and down(...) of these rows. The others keep
// their bits.
struct Mlp {
  Rows x_TD;
  Matrix gate, up;      // F outputs, D inputs
  Matrix down;          // D outputs, F inputs
  Rows gate_TF, up_TF;  // scratch; gate_TF ends as silu(gate x) * (up x)
  Rows y_TD;
  std::span<const UpdatedRows> gate_updates = {}, up_updates = {}, down_updates = {};
};

}  // namespace paddock::kernels
