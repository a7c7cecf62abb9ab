// SPDX-License-Identifier: Apache-2.0
#include "image/orientation.h"

#include <cstdlib>
#include <cstring>
#include <string_view>

namespace paddock::image {

using namespace std::string_view_literals;

namespace {

// The TIFF structure inside EXIF data: numbers in one of two byte orders, offsets from its first byte.
class Tiff {
 public:
  explicit Tiff(std::string_view bytes) : bytes_(bytes), big_(bytes.starts_with("MM")) {}

  bool valid() const { return bytes_.starts_with("II*\0"sv) || bytes_.starts_with("MM\0*"sv); }
  bool holds(size_t offset, size_t count) const { return offset <= bytes_.size() && count <= bytes_.size() - offset; }

  size_t number(size_t offset, size_t count) const {
    size_t value = 0;
    for (size_t i = 0; i < count; ++i)
      value = value << 8 | static_cast<unsigned char>(bytes_[offset + (big_ ? i : count - 1 - i)]);
    return value;
  }

 private:
  std::string_view bytes_;
  bool big_;
};

// Pixels that lie apart, next to each other. Four bytes are moved at once where the fourth is written again by the next
// pixel and, in all but the last column, exists.
void gather(const uint8_t* from, int64_t apart, int64_t count, bool last_column, uint8_t* to) {
  if (!last_column)
    for (; count > 1; --count, from += apart, to += 3) std::memcpy(to, from, 4);
  for (; count > 0; --count, from += apart, to += 3) std::memcpy(to, from, 3);
}

}  // namespace

int read_orientation(std::span<const std::byte> exif) {
  std::string_view bytes(reinterpret_cast<const char*>(exif.data()), exif.size());
  if (bytes.starts_with("Exif\0\0"sv)) bytes.remove_prefix(6);
  const Tiff tiff(bytes);
  if (!tiff.valid() || !tiff.holds(4, 4)) return 1;
  const size_t directory = tiff.number(4, 4);
  if (!tiff.holds(directory, 2)) return 1;
  const size_t entries = tiff.number(directory, 2);
  constexpr size_t kEntryBytes = 12;  // tag, type, count, value
  for (size_t i = 0; i < entries; ++i) {
    const size_t entry = directory + 2 + i * kEntryBytes;
    if (!tiff.holds(entry, kEntryBytes)) return 1;
    if (tiff.number(entry, 2) != 0x0112) continue;
    const size_t type = tiff.number(entry + 2, 2);
    if ((type != 3 && type != 4) || tiff.number(entry + 4, 4) != 1)
      return 1;  // SHORT by the standard, LONG by some writers
    const size_t value = tiff.number(entry + 8, type == 3 ? 2 : 4);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

Size upright_size(Size stored, int orientation) {
  return orientation >= 5 ? Size{stored.height, stored.width} : stored;
}

Placement place(Size stored, int orientation) {
  const bool transposed = orientation >= 5;
  // Whether stored columns run from right to left in the upright picture (or, transposed, from bottom to top); rows
  // likewise.
  const bool columns_back = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool rows_back = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  const int64_t row_bytes = 3 * upright_size(stored, orientation).width;
  Placement placement{0, transposed ? row_bytes : 3, transposed ? 3 : row_bytes};
  if (columns_back) {
    placement.origin += (stored.width - 1) * placement.across;
    placement.across = -placement.across;
  }
  if (rows_back) {
    placement.origin += (stored.height - 1) * placement.down;
    placement.down = -placement.down;
  }
  return placement;
}

void put_rows(const uint8_t* rgb, Size size, int64_t y, const Placement& placement, Picture& picture) {
  uint8_t* const first = picture.rgb.data() + placement.origin + y * placement.down;
  if (placement.across == 3) {
    for (int64_t row = 0; row < size.height; ++row)
      std::memcpy(first + row * placement.down, rgb + row * size.width * 3, static_cast<size_t>(size.width) * 3);
    return;
  }
  // Neighbours in the picture are written together: a transposed picture takes its columns from the rows at hand.
  if (std::abs(placement.down) == 3) {
    const bool rows_back = placement.down < 0;
    const uint8_t* const first_row = rgb + (rows_back ? (size.height - 1) * size.width * 3 : 0);
    const int64_t to_next_row = (rows_back ? -size.width : size.width) * 3;
    for (int64_t column = 0; column < size.width; ++column) {
      uint8_t* const to = first + column * placement.across + (rows_back ? (size.height - 1) * placement.down : 0);
      gather(first_row + column * 3, to_next_row, size.height, column + 1 == size.width, to);
    }
    return;
  }
  for (int64_t row = 0; row < size.height; ++row)
    for (int64_t column = 0; column < size.width; ++column)
      std::memcpy(first + column * placement.across + row * placement.down, rgb + (row * size.width + column) * 3, 3);
}

}  // namespace paddock::image
