// SPDX-License-Identifier: Apache-2.0
#pragma once
// For fuzz targets only: any bytes as a file of one format.

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/check.h"
#include "base/result.h"
#include "image/limits.h"
#include "image/picture.h"

namespace paddock::image {

// Small enough that a picture takes no time, large enough for several blocks, passes and strips.
inline constexpr Limits kFuzzLimits{.bytes = 1 << 20, .pixels = 100'000, .side = 4096};

// What is decoded has the size that the header promised, and every byte of it can be read.
inline void check_decoded(const Result<Picture>& picture, const Result<Size>& size) {
  if (!picture) {
    CHECK(!picture.error().message.empty());
    return;
  }
  CHECK(size);
  CHECK((Size{picture->width, picture->height} == *size));
  CHECK(size->width * size->height <= kFuzzLimits.pixels);
  CHECK(picture->rgb.size() == static_cast<size_t>(size->width * size->height * 3));
  volatile unsigned sum = 0;
  for (const uint8_t byte : picture->rgb) sum = sum + byte;
}

}  // namespace paddock::image
