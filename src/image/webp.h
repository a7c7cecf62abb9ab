// SPDX-License-Identifier: Apache-2.0
#pragma once
// WebP by libwebp: lossy, lossless, with alpha; of an animation the first frame on its canvas.

#include <cstddef>
#include <span>

#include "base/result.h"
#include "image/limits.h"
#include "image/picture.h"

namespace paddock::image {

Result<Picture> decode_webp(std::span<const std::byte> file, const Limits& limits);
Result<Size> read_webp_size(std::span<const std::byte> file, const Limits& limits);

}  // namespace paddock::image
