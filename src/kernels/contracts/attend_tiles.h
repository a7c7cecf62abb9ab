// SPDX-License-Identifier: Apache-2.0
#pragma once
// Attention inside picture tiles: every token of a tile sees every other, turned by where it stands in the tile.

#include "kernels/contracts/blocks.h"

namespace paddock::kernels {

// For each tile and each of N heads of width H:
//   q', k' = q, k with pair p of token t, numbers (2 p, 2 p + 1), turned by its angle:
//            (a, b) -> (a cos[p, t] - b sin[p, t], a sin[p, t] + b cos[p, t])
//   out[t] = sum over the tile's tokens j of softmax_j( q'[t] . k'[j] * scale ) v[j]
// |out - exact| <= 2^-20 (H s + 64) max |v|, where s is the largest |q| |k| scale; where `rounded`, 2^-6 (s + 2) max
// |v|, because queries, keys, values and softmax may be taken as bfloat16. A tile's bits depend on nothing else.
struct AttendTiles {
  Blocks q, k, v;           // [tiles * tile_rows, N * H]; q and k hold anything afterwards
  int64_t heads = 0;        // N
  int64_t tile_rows = 0;    // rows from one tile to the next
  int64_t tile_tokens = 0;  // the first of these
  Blocks cosines, sines;    // [tile_rows, H / 2]
  float scale = 0;
  Blocks out;  // not one of the others
  bool rounded = false;
};

}  // namespace paddock::kernels
