// SPDX-License-Identifier: Apache-2.0
#include "image/alpha.h"

namespace paddock::image {

namespace {

// value / 255, rounded to nearest, for value <= 255 * 255.
uint32_t divide_by_255(uint32_t value) {
  const uint32_t half_added = value + 128;
  return (half_added + (half_added >> 8)) >> 8;
}

}  // namespace

void lay_on_white(const uint8_t* rgba, int64_t count, uint8_t* rgb) {
  for (int64_t i = 0; i < count; ++i, rgba += 4, rgb += 3) {
    const uint32_t alpha = rgba[3];
    const uint32_t white = 255 * (255 - alpha);
    for (int channel = 0; channel < 3; ++channel)
      rgb[channel] = static_cast<uint8_t>(divide_by_255(rgba[channel] * alpha + white));
  }
}

}  // namespace paddock::image
