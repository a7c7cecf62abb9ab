// SPDX-License-Identifier: Apache-2.0
#include "image/png_writer.h"

#include <png.h>

#include "base/check.h"

namespace paddock::image {

std::string write_png(int64_t width, int64_t height, std::span<const uint8_t> rgb) {
  CHECK(width > 0 && height > 0 && rgb.size() == static_cast<size_t>(width * height * 3));
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(width);
  image.height = static_cast<png_uint_32>(height);
  image.format = PNG_FORMAT_RGB;
  std::string file(PNG_IMAGE_PNG_SIZE_MAX(image), '\0');
  png_alloc_size_t bytes = file.size();
  CHECK(png_image_write_to_memory(&image, file.data(), &bytes, 0, rgb.data(), 0, nullptr));
  file.resize(bytes);
  return file;
}

}  // namespace paddock::image
