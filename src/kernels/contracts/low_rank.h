// SPDX-License-Identifier: Apache-2.0
#pragma once
// Low-rank updates of products, each for some rows: what adapters change.
//
//   h[t, j] = sum over i of down[j, i] * x[t, i]
//   y[t, o] += scale * sum over j of up[j, o] * h[t, j]                            (Hu et al., arXiv 2106.09685)
//
// In float32 on every machine, with the same bits: h is summed as a product with float32 weights is
// (kernels/reference/sums.h), the sum over j in order. A row's bits depend on nothing but its x, its y and its update.

#include <cstdint>
#include <span>

#include "kernels/contracts/memory.h"

namespace paddock::kernels {

struct LowRank {
  Address down;        // [rank, inputs], float32
  Address up;          // [rank, outputs], float32, rows `up_stride` floats apart
  int64_t rank = 0;    // 0: no update
  int64_t inputs = 0;  // of the product
  int64_t outputs = 0;
  int64_t up_stride = 0;
  float scale = 0;
};

struct UpdatedRows {
  LowRank update;                 // of rank 1 at least
  std::span<const int32_t> rows;  // of x and y, rising
};

struct UpdatedProduct {
  Rows x, y;
  std::span<const UpdatedRows> updates;  // no row in two of them
};

// Products one beside the other: no two write the same numbers, none reads what another writes.
struct AddLowRank {
  std::span<const UpdatedProduct> products;
};

// Of a network's three matrices; rank 0 where there is none.
struct MlpUpdate {
  LowRank gate, up, down;
};

// Of routed experts: a token's experts are updated by the token's adapter.
struct ExpertUpdates {
  std::span<const int32_t> adapter_of_T;                 // which of `adapters`; -1: none
  std::span<const std::span<const MlpUpdate>> adapters;  // each [E], or empty: it changes no experts
};

}  // namespace paddock::kernels
