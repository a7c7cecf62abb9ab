// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the vision model sees of a picture: bytes of tiles, before they are normalised.

#include <cstdint>
#include <vector>

#include "image/canvas.h"
#include "image/picture.h"

namespace paddock::image {

struct Tiles {
  Canvas canvas;
  int64_t tile = 0;             // pixels of a side
  std::vector<uint8_t> planes;  // [tiles, 3, tile, tile]; the canvas by rows, then the global tile where there is one
};

// The picture in its resized size on its canvas, the rest 0; where that is more than one tile, then the whole picture
// squashed into one.
Tiles cut_tiles(const Picture& picture, const TilingRules& rules);

// The squashed tile alone, as a canvas of 1 x 1.
Tiles global_tile(const Picture& picture, const TilingRules& rules);

}  // namespace paddock::image
