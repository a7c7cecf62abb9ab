// SPDX-License-Identifier: Apache-2.0
// out[t] = sum over j of softmax_j( q'[t] . k'[j] * scale ) v[j]
#include <algorithm>
#include <cmath>

#include "kernels/host/host_blocks.h"
#include "kernels/reference/machine.h"

namespace paddock::kernels {
namespace {

float& number(const Blocks& x, int64_t row, int64_t index) {
  return block_at(x, row / kBlockRows)[index * kBlockRows + row % kBlockRows];
}

void turn(const AttendTiles& op, const Blocks& x, int64_t row, int64_t first, int64_t head_width) {
  for (int64_t pair = 0; pair < head_width / 2; ++pair) {
    const float cosine = number(op.cosines, row % op.tile_rows, pair),
                sine = number(op.sines, row % op.tile_rows, pair);
    float& a = number(x, row, first + 2 * pair);
    float& b = number(x, row, first + 2 * pair + 1);
    const float turned = a * cosine - b * sine;
    b = a * sine + b * cosine;
    a = turned;
  }
}

}  // namespace

void ReferenceMachine::attend_tiles(const AttendTiles& op) {
  const int64_t head_width = op.q.width / op.heads, tiles = op.q.rows / op.tile_rows;
  pool_.parallel_for(tiles * op.heads, 1, [&](int64_t begin, int64_t end, int thread) {
    float* weights = scratch(thread, op.tile_tokens);
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t first_row = unit / op.heads * op.tile_rows, first = unit % op.heads * head_width;
      for (int64_t token = 0; token < op.tile_tokens; ++token) {
        turn(op, op.q, first_row + token, first, head_width);
        turn(op, op.k, first_row + token, first, head_width);
      }
      for (int64_t token = 0; token < op.tile_tokens; ++token) {
        float largest = -INFINITY, total = 0;
        for (int64_t other = 0; other < op.tile_tokens; ++other) {
          float score = 0;
          for (int64_t index = first; index < first + head_width; ++index)
            score += number(op.q, first_row + token, index) * number(op.k, first_row + other, index);
          weights[other] = score * op.scale;
          largest = std::max(largest, weights[other]);
        }
        for (int64_t other = 0; other < op.tile_tokens; ++other)
          total += weights[other] = std::exp(weights[other] - largest);
        for (int64_t index = first; index < first + head_width; ++index) {
          float sum = 0;
          for (int64_t other = 0; other < op.tile_tokens; ++other)
            sum += weights[other] * number(op.v, first_row + other, index);
          number(op.out, first_row + token, index) = sum / total;
        }
      }
      for (int64_t row = first_row + op.tile_tokens; row < first_row + op.tile_rows; ++row)
        for (int64_t index = first; index < first + head_width; ++index) number(op.out, row, index) = 0;
    }
  });
}

}  // namespace paddock::kernels
