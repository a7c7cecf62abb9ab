// SPDX-License-Identifier: Apache-2.0
#include "image/picture.h"

#include <new>

namespace paddock::image {

Result<std::vector<uint8_t>> allocate(int64_t count, uint8_t value) {
  try {
    return std::vector<uint8_t>(static_cast<size_t>(count), value);
  } catch (const std::bad_alloc&) {
    return error(ErrorCode::kOutOfMemory,
                 "expected {} bytes of memory for a picture, found less; send it smaller or free some memory", count);
  }
}

Result<Picture> blank_picture(Size size, uint8_t value) {
  return Picture{size.width, size.height, TRY(allocate(size.width * size.height * 3, value))};
}

}  // namespace paddock::image
