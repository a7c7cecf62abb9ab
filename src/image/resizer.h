// SPDX-License-Identifier: Apache-2.0
#pragma once
// A picture's rows in another size, one after the other: width first, then height, bytes in between (filter.h). Only
// the rows that the next output needs are kept, so that they stay in the cache.

#include <cstdint>
#include <vector>

#include "image/filter.h"
#include "image/picture.h"
#include "image/row_loops.h"

namespace paddock::image {

class Resizer {
 public:
  // `picture` has to outlive the resizer.
  Resizer(const Picture& picture, Size size, const RowLoops& loops);

  // The next row, [width, 3]; valid until the next call. At most size.height calls.
  const uint8_t* next_row();

  // How many rows of the picture have been read, so that two resizers of one picture can be kept abreast.
  int64_t rows_read() const { return rows_read_; }

 private:
  const uint8_t* row_in_new_width(int64_t y);
  uint8_t* slot(int64_t y);

  const Picture& picture_;
  const RowLoops& loops_;
  Filter width_;
  Filter height_;
  int64_t next_ = 0;
  int64_t rows_read_ = 0;
  int64_t row_bytes_;
  std::vector<uint8_t> kept_;  // [slots_, row_bytes_ + kRowMargin], a ring of rows in the new width
  int64_t slots_ = 0;
  std::vector<const uint8_t*> window_;  // the rows of one output
  std::vector<uint8_t> row_;
};

}  // namespace paddock::image
