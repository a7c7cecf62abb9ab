// SPDX-License-Identifier: Apache-2.0
#include "image/resizer.h"

#include <algorithm>

namespace paddock::image {

Resizer::Resizer(const Picture& picture, Size size, const RowLoops& loops)
    : picture_(picture),
      loops_(loops),
      width_(make_filter(picture.width, size.width)),
      height_(make_filter(picture.height, size.height)),
      row_bytes_(size.width * 3),
      window_(static_cast<size_t>(height_.taps)) {
  const auto whole_row = static_cast<size_t>(row_bytes_ + kRowMargin);
  if (!width_.is_identity()) kept_.resize(static_cast<size_t>(std::max<int64_t>(height_.taps, 1)) * whole_row);
  if (!height_.is_identity()) row_.resize(whole_row);
}

const uint8_t* Resizer::row_in_new_width(int64_t y) {
  const uint8_t* const old_row = picture_.rgb.data() + y * picture_.width * 3;
  if (width_.is_identity()) return old_row;
  uint8_t* const row = kept_.data() + y % std::max<int64_t>(height_.taps, 1) * (row_bytes_ + kRowMargin);
  if (y >= rows_read_) loops_.across(width_, old_row, row);
  return row;
}

const uint8_t* Resizer::next_row() {
  const int64_t output = next_++;
  if (height_.is_identity()) {
    const uint8_t* const row = row_in_new_width(output);
    rows_read_ = output + 1;
    return row;
  }
  const int64_t first = height_.first[output], count = height_.count[output];
  for (int64_t y = first; y < first + count; ++y) window_[y - first] = row_in_new_width(y);
  rows_read_ = std::max(rows_read_, first + count);
  loops_.down(window_.data(), height_.coefficients.data() + output * height_.taps, count, row_bytes_, row_.data());
  return row_.data();
}

}  // namespace paddock::image
