// SPDX-License-Identifier: Apache-2.0
#pragma once
// Float32 activations of picture tiles: sixteen rows side by side, so that whatever is done to a row is done to sixteen
// at once, and what comes out of one product is what the next one takes.
//
// Number i of row t lies at [((t / 16) * width + i) * 16 + t % 16]. A tile has as many rows as fill its last block;
// those beyond its tokens hold finite numbers that nobody reads.

#include <cstdint>

#include "kernels/contracts/memory.h"

namespace paddock::kernels {

inline constexpr int64_t kBlockRows = 16;

inline constexpr int64_t rows_in_blocks(int64_t rows) { return (rows + kBlockRows - 1) / kBlockRows * kBlockRows; }

struct Blocks {
  Address address;   // of a cache line
  int64_t rows = 0;  // a multiple of kBlockRows
  int64_t width = 0;

  int64_t blocks() const { return rows / kBlockRows; }
};

// x[t] += table[t mod the table's rows]: learned positions, the same for every tile.
struct AddTable {
  Blocks x;
  Blocks table;
};

}  // namespace paddock::kernels
