// SPDX-License-Identifier: Apache-2.0
#include "image/decode.h"

#include "image/format.h"
#include "image/gif.h"
#include "image/jpeg.h"
#include "image/png.h"
#include "image/webp.h"

namespace paddock::image {

namespace {

Result<Format> find_permitted_format(std::span<const std::byte> file, const Limits& limits) {
  if (file.size() > limits.bytes)
    return error(ErrorCode::kLimit, "expected a picture file of at most {} bytes, found {}; send it smaller",
                 limits.bytes, file.size());
  return find_format(file);
}

}  // namespace

Result<Picture> decode(std::span<const std::byte> file, const Limits& limits) {
  switch (TRY(find_permitted_format(file, limits))) {
    case Format::kJpeg: return decode_jpeg(file, limits);
    case Format::kPng: return decode_png(file, limits);
    case Format::kWebp: return decode_webp(file, limits);
    case Format::kGif: break;
  }
  return decode_gif(file, limits);
}

Result<Size> read_size(std::span<const std::byte> file, const Limits& limits) {
  switch (TRY(find_permitted_format(file, limits))) {
    case Format::kJpeg: return read_jpeg_size(file, limits);
    case Format::kPng: return read_png_size(file, limits);
    case Format::kWebp: return read_webp_size(file, limits);
    case Format::kGif: break;
  }
  return read_gif_size(file, limits);
}

}  // namespace paddock::image
