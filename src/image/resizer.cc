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
  if (!width_.is_identity()) {
    slots_ = height_.taps + kRowsAtOnce;  // the rows of one output, and those that were made with its last
    kept_.resize(static_cast<size_t>(slots_) * whole_row);
  }
  if (!height_.is_identity()) row_.resize(whole_row);
}

uint8_t* Resizer::slot(int64_t y) { return kept_.data() + y % slots_ * (row_bytes_ + kRowMargin); }

const uint8_t* Resizer::row_in_new_width(int64_t y) {
  const auto old_row = [&](int64_t row) { return picture_.rgb.data() + row * picture_.width * 3; };
  if (width_.is_identity()) {
    rows_read_ = std::max(rows_read_, y + 1);
    return old_row(y);
  }
  while (rows_read_ <= y) {
    const uint8_t* old_rows[kRowsAtOnce];
    uint8_t* new_rows[kRowsAtOnce];
    for (int i = 0; i < kRowsAtOnce; ++i) {  // at the end the last row again
      const int64_t row = std::min(rows_read_ + i, picture_.height - 1);
      old_rows[i] = old_row(row);
      new_rows[i] = slot(row);
    }
    loops_.across(width_, old_rows, new_rows);
    rows_read_ = std::min(rows_read_ + kRowsAtOnce, picture_.height);
  }
  return slot(y);
}

const uint8_t* Resizer::next_row() {
  const int64_t output = next_++;
  if (height_.is_identity()) return row_in_new_width(output);
  const int64_t first = height_.first[output], count = height_.count[output];
  for (int64_t y = first; y < first + count; ++y) window_[y - first] = row_in_new_width(y);
  loops_.down(window_.data(), height_.coefficients.data() + output * height_.taps, count, row_bytes_, row_.data());
  return row_.data();
}

}  // namespace paddock::image
