// SPDX-License-Identifier: Apache-2.0
// Any bytes as EXIF data: an orientation, whatever they are, by which every pixel of a small picture finds a place of
// its own.

#include <vector>

#include "base/check.h"
#include "image/orientation.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace paddock::image;
  const int orientation = read_orientation(std::as_bytes(std::span(data, size)));
  CHECK(orientation >= 1 && orientation <= 8);
  constexpr Size kStored{5, 3};
  const Size upright = upright_size(kStored, orientation);
  Picture picture{upright.width, upright.height, std::vector<uint8_t>(3 * 5 * 3)};
  std::vector<uint8_t> rows(picture.rgb.size());
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<uint8_t>(1 + i);
  put_rows(rows.data(), kStored, 0, place(kStored, orientation), picture);
  unsigned sum = 0;
  for (const uint8_t byte : picture.rgb) sum += byte;
  CHECK(sum == 45 * 46 / 2);
  return 0;
}
