// SPDX-License-Identifier: Apache-2.0
#pragma once
// Neighbouring patches side by side in one row: fewer, wider tokens.

#include "kernels/contracts/blocks.h"

namespace paddock::kernels {

// A tile is `side` x `side` patches, by rows, then other tokens that are left out. Row (Y, X) of its
// (side / factor) x (side / factor) rows is the factor x factor patches from (Y factor, X factor) on, by rows. Exact.
struct PixelShuffle {
  Blocks x;  // [tiles * rows_in_blocks(side^2 + others), W]
  int64_t x_tile_rows = 0;
  int64_t side = 0;
  int64_t factor = 0;
  Blocks y;  // [tiles * rows_in_blocks((side / factor)^2), W * factor^2]
  int64_t y_tile_rows = 0;
};

}  // namespace paddock::kernels
