// SPDX-License-Identifier: Apache-2.0
#pragma once
// Pixels to a PNG file's bytes: 8 bits, RGB.

#include <cstdint>
#include <span>
#include <string>

namespace paddock::image {

// `rgb` is [height, width, 3], at least one pixel.
std::string write_png(int64_t width, int64_t height, std::span<const uint8_t> rgb);

}  // namespace paddock::image
