// SPDX-License-Identifier: Apache-2.0
#include "image/limits.h"

#include <algorithm>

namespace paddock::image {

Result<void> check_size(Size size, const Limits& limits, const char* format) {
  if (size.width <= 0 || size.height <= 0)
    return error(ErrorCode::kBadFile,
                 "expected a picture of at least one pixel, found a {} of {} x {}; send another file", format,
                 size.width, size.height);
  if (size.width > limits.side || size.height > limits.side)
    return error(ErrorCode::kLimit,
                 "expected a picture of at most {} pixels a side, found a {} of {} x {}; send it smaller", limits.side,
                 format, size.width, size.height);
  if (size.width > limits.pixels / size.height)
    return error(ErrorCode::kLimit, "expected a picture of at most {} pixels, found a {} of {} x {}; send it smaller",
                 limits.pixels, format, size.width, size.height);
  return {};
}

size_t decoding_bytes(const Limits& limits) {
  const auto pixels = static_cast<size_t>(std::max<int64_t>(limits.pixels, 0));
  const auto side = static_cast<size_t>(std::clamp<int64_t>(limits.side, 0, 65'535));
  // The result has 3 bytes for a pixel. Beside it, a progressive JPEG of four components has 2 for each coefficient, in
  // blocks of up to 32 x 32 pixels that reach beyond the edges; a WebP with alpha has 4 on their way to the result, and
  // 4 of a lossless frame or 5 of the alpha of a lossy one.
  const size_t edges = 8 * (2 * 32 * side + 32 * 32);
  // Rows of the decoders: a PNG of 16-bit RGBA has the longest, 8 bytes a pixel, of which libpng keeps two and a half;
  // JPEG has 32 rows of 4 samples for the upsampling and as many for the conversion.
  const size_t rows = 3 * 32 * 4 * side;
  // Windows, palettes, the decoders' own records; the codes of a lossless WebP, of which encoders make at most 2600
  // groups.
  const size_t tables = (4 << 20) + 2600 * 20'480;
  return 12 * pixels + edges + rows + tables;
}

}  // namespace paddock::image
