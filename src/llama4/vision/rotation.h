// SPDX-License-Identifier: Apache-2.0
#pragma once
// Where a patch stands in its tile, as angles: the first half of a head's pairs turns by its column + 1, the second by
// its row + 1, the class token not at all.

#include <cstdint>
#include <vector>

#include "llama4/vision/config.h"

namespace paddock::llama4 {

// Of every token of a tile and every pair of a head, [tokens][head width / 2].
struct TileRotation {
  int64_t pairs = 0;
  std::vector<float> cosines, sines;
};

TileRotation tile_rotation(const VisionConfig& config);

}  // namespace paddock::llama4
