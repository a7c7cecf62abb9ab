// SPDX-License-Identifier: Apache-2.0
#pragma once
// JPEG by libjpeg-turbo: baseline and progressive; grey, RGB, YCbCr, CMYK and YCCK (inverted where an Adobe marker says
// so). Chroma is enlarged by the triangle filter, and the transform is the exact integer one.

#include <cstddef>
#include <span>

#include "base/result.h"
#include "image/limits.h"
#include "image/picture.h"

namespace paddock::image {

Result<Picture> decode_jpeg(std::span<const std::byte> file, const Limits& limits);
Result<Size> read_jpeg_size(std::span<const std::byte> file, const Limits& limits);

}  // namespace paddock::image
