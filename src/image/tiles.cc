// SPDX-License-Identifier: Apache-2.0
#include "image/tiles.h"

#include <algorithm>

#include "base/check.h"
#include "image/resizer.h"

namespace paddock::image {

namespace {

Tiles blank_tiles(const Canvas& canvas, int64_t tile) {
  return {canvas, tile, std::vector<uint8_t>(static_cast<size_t>(canvas.tiles() * 3 * tile * tile))};
}

// Row y of the canvas that begins at tile `first`.
void put_row(const uint8_t* row, int64_t width, int64_t y, int64_t first, const RowLoops& loops, Tiles& tiles) {
  const int64_t side = tiles.tile, plane = side * side;
  for (int64_t x = 0; x < width; x += side) {
    const int64_t tile = first + y / side * tiles.canvas.columns + x / side;
    uint8_t* const red = tiles.planes.data() + tile * 3 * plane + y % side * side;
    loops.split(row + 3 * x, std::min(side, width - x), red, red + plane, red + 2 * plane);
  }
}

void check_picture(const Picture& picture) {
  CHECK(picture.width > 0 && picture.height > 0);
  CHECK(picture.rgb.size() == static_cast<size_t>(picture.width * picture.height * 3));
}

}  // namespace

Tiles cut_tiles(const Picture& picture, const TilingRules& rules) {
  check_picture(picture);
  const RowLoops& loops = best_loops();
  const Canvas canvas = choose_canvas(picture.width, picture.height, rules);
  Tiles tiles = blank_tiles(canvas, rules.tile);
  const Size size = resized_size(picture.width, picture.height, canvas, rules);
  Resizer resized(picture, size, loops);
  if (!canvas.has_global_tile()) {
    for (int64_t y = 0; y < size.height; ++y) put_row(resized.next_row(), size.width, y, 0, loops, tiles);
    return tiles;
  }
  // Both sizes are made side by side, so that a row of the picture is still in the cache when it is read again.
  Resizer squashed(picture, {rules.tile, rules.tile}, loops);
  int64_t resized_y = 0, squashed_y = 0;
  while (resized_y < size.height || squashed_y < rules.tile) {
    const bool squash =
        resized_y == size.height || (squashed_y < rules.tile && squashed.rows_read() < resized.rows_read());
    if (squash)
      put_row(squashed.next_row(), rules.tile, squashed_y++, canvas.rows * canvas.columns, loops, tiles);
    else
      put_row(resized.next_row(), size.width, resized_y++, 0, loops, tiles);
  }
  return tiles;
}

Tiles global_tile(const Picture& picture, const TilingRules& rules) {
  check_picture(picture);
  const RowLoops& loops = best_loops();
  Tiles tiles = blank_tiles({1, 1}, rules.tile);
  Resizer squashed(picture, {rules.tile, rules.tile}, loops);
  for (int64_t y = 0; y < rules.tile; ++y) put_row(squashed.next_row(), rules.tile, y, 0, loops, tiles);
  return tiles;
}

}  // namespace paddock::image
