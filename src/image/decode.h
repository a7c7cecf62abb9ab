// SPDX-License-Identifier: Apache-2.0
#pragma once
// From a file's bytes to pixels, whatever they claim to be: JPEG, PNG, WebP (its first frame), GIF (its first frame).
//
// The picture comes out as a viewer shows it: turned by its EXIF orientation, transparency laid on white. Of 16-bit
// samples the high byte counts. Colour profiles, gamma and later frames are ignored. Files that end early or whose data
// are damaged are refused.

#include <cstddef>
#include <span>

#include "base/result.h"
#include "image/limits.h"
#include "image/picture.h"

namespace paddock::image {

Result<Picture> decode(std::span<const std::byte> file, const Limits& limits);

// The size that decode() would return, from the header alone. A file that passes may still turn out damaged.
Result<Size> read_size(std::span<const std::byte> file, const Limits& limits);

}  // namespace paddock::image
