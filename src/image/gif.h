// SPDX-License-Identifier: Apache-2.0
#pragma once
// GIF by giflib: the first frame on its canvas.

#include <cstddef>
#include <span>

#include "base/result.h"
#include "image/limits.h"
#include "image/picture.h"

namespace paddock::image {

Result<Picture> decode_gif(std::span<const std::byte> file, const Limits& limits);
Result<Size> read_gif_size(std::span<const std::byte> file, const Limits& limits);

}  // namespace paddock::image
