// SPDX-License-Identifier: Apache-2.0
#include "image/canvas.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace paddock::image {

Canvas choose_canvas(int64_t width, int64_t height, const TilingRules& rules) {
  CHECK(width > 0 && height > 0 && rules.tile > 0 && rules.most_tiles > 0);
  // scale = min(columns * tile / width, rows * tile / height), here as multiples of 1 / (width * height).
  const int64_t one = width * height;
  Canvas best;
  int64_t best_scale = 0;
  for (int64_t rows = 1; rows <= rules.most_tiles; ++rows) {
    for (int64_t columns = 1; columns <= rules.most_tiles / rows; ++columns) {
      const int64_t scale = std::min(columns * height, rows * width) * rules.tile;
      const bool fits = scale >= one, best_fits = best_scale >= one;
      const bool better = fits == best_fits ? (fits ? scale < best_scale : scale > best_scale) : fits;
      if (better || (scale == best_scale && rows * columns < best.rows * best.columns)) {
        best = {rows, columns};
        best_scale = scale;
      }
    }
  }
  return best;
}

Size resized_size(int64_t width, int64_t height, const Canvas& canvas, const TilingRules& rules) {
  const int64_t most_width = std::min(std::max(width, rules.tile), canvas.columns * rules.tile);
  const int64_t most_height = std::min(std::max(height, rules.tile), canvas.rows * rules.tile);
  // In double, as the models' own code does it: exact arithmetic gives another size here and there.
  const double scale_width = static_cast<double>(most_width) / static_cast<double>(width);
  const double scale_height = static_cast<double>(most_height) / static_cast<double>(height);
  const auto scaled = [](int64_t side, double scale, int64_t most) {
    return std::max<int64_t>(std::min(static_cast<int64_t>(std::floor(static_cast<double>(side) * scale)), most), 1);
  };
  if (scale_width < scale_height) return {most_width, scaled(height, scale_width, most_height)};
  return {scaled(width, scale_height, most_width), most_height};
}

}  // namespace paddock::image
