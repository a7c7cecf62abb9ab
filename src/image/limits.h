// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a picture file may ask for at most. Sizes are read from the file's header and refused before memory is taken for
// them.

#include <cstddef>
#include <cstdint>

#include "base/result.h"
#include "image/picture.h"

namespace paddock::image {

struct Limits {
  size_t bytes = 20 << 20;      // of the file
  int64_t pixels = 50'000'000;  // after decoding
  int64_t side = 65'535;        // longest side in pixels: decoders keep whole rows
};

// Refuses a size that is empty or beyond the limits. `format` names the file's format in the error.
Result<void> check_size(Size size, const Limits& limits, const char* format);

// The memory that decode() takes at most at one time, its result included and the file itself not. One attack is beyond
// it: a lossless WebP of a megapixel or more can be made to have 65,536 groups of codes, of which libwebp keeps up to
// 20 KB each.
size_t decoding_bytes(const Limits& limits);

}  // namespace paddock::image
