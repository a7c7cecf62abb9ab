// SPDX-License-Identifier: Apache-2.0
#pragma once
// How a stored picture has to be turned to stand upright (EXIF tag 0x0112), and where each stored pixel then lies.

#include <cstddef>
#include <cstdint>
#include <span>

#include "image/picture.h"

namespace paddock::image {

// 1 (as stored) to 8, as EXIF numbers them, from a block of EXIF data with or without its "Exif\0\0". Data without a
// valid orientation say 1: a broken block must not cost the picture.
int read_orientation(std::span<const std::byte> exif);

// The upright size of a picture stored in `stored`.
Size upright_size(Size stored, int orientation);

// Byte offsets in Picture::rgb: the stored pixel (x, y) lies at origin + x * across + y * down.
struct Placement {
  int64_t origin = 0;
  int64_t across = 3;
  int64_t down = 0;
};
Placement place(Size stored, int orientation);

// Copies stored rows of RGB, one after the other, to where they belong: `size` pixels whose first is the stored pixel
// (0, y).
void put_rows(const uint8_t* rgb, Size size, int64_t y, const Placement& placement, Picture& picture);

}  // namespace paddock::image
