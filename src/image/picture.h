// SPDX-License-Identifier: Apache-2.0
#pragma once
// A picture in memory: upright, opaque, eight bits for each of red, green and blue.

#include <cstdint>
#include <vector>

#include "base/result.h"

namespace paddock::image {

struct Size {
  int64_t width = 0;
  int64_t height = 0;
  friend bool operator==(const Size&, const Size&) = default;
};

struct Picture {
  int64_t width = 0;
  int64_t height = 0;
  std::vector<uint8_t> rgb;  // [height, width, 3]
};

// Bytes of one value. Memory that the system refuses is an error here, because its amount comes from outside.
Result<std::vector<uint8_t>> allocate(int64_t count, uint8_t value);

Result<Picture> blank_picture(Size size, uint8_t value);

}  // namespace paddock::image
