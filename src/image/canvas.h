// SPDX-License-Identifier: Apache-2.0
#pragma once
// How many tiles a picture is cut into, and what size it takes on them. Integers and one rule in double; no pixels.

#include <cstdint>

#include "image/picture.h"

namespace paddock::image {

struct TilingRules {
  int64_t tile = 336;       // pixels of a side
  int64_t most_tiles = 16;  // of a canvas, the global tile not counted
};

struct Canvas {
  int64_t rows = 1;
  int64_t columns = 1;

  bool has_global_tile() const { return rows * columns > 1; }
  int64_t tiles() const { return rows * columns + (has_global_tile() ? 1 : 0); }
  friend bool operator==(const Canvas&, const Canvas&) = default;
};

// Of all rows x columns of at most most_tiles: the one that enlarges a fitting picture least, or else shrinks it least;
// among equals the fewest tiles. Width and height are at least 1.
Canvas choose_canvas(int64_t width, int64_t height, const TilingRules& rules);

// The size that the picture takes on the canvas, from the upper left corner: as large as fits with its aspect kept, but
// enlarged to no more than one tile.
Size resized_size(int64_t width, int64_t height, const Canvas& canvas, const TilingRules& rules);

}  // namespace paddock::image
