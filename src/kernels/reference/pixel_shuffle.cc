// SPDX-License-Identifier: Apache-2.0
// Row (Y, X) is the factor x factor patches from (Y factor, X factor) on.
#include "kernels/host/host_blocks.h"
#include "kernels/reference/machine.h"

namespace paddock::kernels {

void ReferenceMachine::pixel_shuffle(const PixelShuffle& op) {
  const int64_t width = op.x.width, side = op.side / op.factor, tiles = op.x.rows / op.x_tile_rows;
  pool_.parallel_for(tiles * side * side, 16, [&](int64_t begin, int64_t end, int) {
    for (int64_t token = begin; token < end; ++token) {
      const int64_t tile = token / (side * side), row = token / side % side, column = token % side;
      const int64_t to = tile * op.y_tile_rows + token % (side * side);
      float* y = block_at(op.y, to / kBlockRows) + to % kBlockRows;
      for (int64_t part = 0; part < op.factor * op.factor; ++part) {
        const int64_t patch = (row * op.factor + part / op.factor) * op.side + column * op.factor + part % op.factor;
        const int64_t from = tile * op.x_tile_rows + patch;
        const float* x = block_at(op.x, from / kBlockRows) + from % kBlockRows;
        for (int64_t index = 0; index < width; ++index) y[(part * width + index) * kBlockRows] = x[index * kBlockRows];
      }
    }
  });
}

}  // namespace paddock::kernels
