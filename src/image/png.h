// SPDX-License-Identifier: Apache-2.0
#pragma once
// PNG by libpng: every colour type and depth, interlaced or not. Wrong check sums of what makes the picture are
// refused.

#include <cstddef>
#include <span>

#include "base/result.h"
#include "image/limits.h"
#include "image/picture.h"

namespace paddock::image {

Result<Picture> decode_png(std::span<const std::byte> file, const Limits& limits);
Result<Size> read_png_size(std::span<const std::byte> file, const Limits& limits);

}  // namespace paddock::image
