// SPDX-License-Identifier: Apache-2.0
#include "image/png.h"

#include <csetjmp>

#include <png.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "image/alpha.h"
#include "image/orientation.h"

namespace paddock::image {

namespace {

uint32_t big_endian(std::span<const std::byte> file, size_t position) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value = value << 8 | std::to_integer<uint32_t>(file[position + i]);
  return value;
}

// libpng calls png_failed() and expects that it does not return: it jumps to where the reader was entered. No function
// that libpng is called from has locals with destructors.
struct PngReader {
  std::span<const std::byte> rest;  // of the file
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::jmp_buf entered;
  char sentence[128] = "out of memory";

  explicit PngReader(std::span<const std::byte> file) : rest(file) {}
  PngReader(const PngReader&) = delete;
  ~PngReader() { png_destroy_read_struct(&png, &info, nullptr); }
};

[[noreturn]] void png_failed(png_structp png, png_const_charp sentence) {
  auto* const reader = static_cast<PngReader*>(png_get_error_ptr(png));
  std::snprintf(reader->sentence, sizeof(reader->sentence), "%s", sentence);
  std::longjmp(reader->entered, 1);
}

void png_warned(png_structp, png_const_charp) {}

void give_bytes(png_structp png, png_bytep to, size_t count) {
  auto* const reader = static_cast<PngReader*>(png_get_io_ptr(png));
  if (count > reader->rest.size()) png_error(png, "the file ends early");
  std::memcpy(to, reader->rest.data(), count);
  reader->rest = reader->rest.subspan(count);
}

bool read_header(PngReader& reader) {
  if (setjmp(reader.entered) != 0) return false;
  reader.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &reader, png_failed, png_warned);
  if (!reader.png) return false;
  reader.info = png_create_info_struct(reader.png);
  if (!reader.info) return false;
  png_set_read_fn(reader.png, &reader, give_bytes);
  png_set_user_limits(reader.png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);  // ours were asked before
  // Text, profiles and all else that does not change the pixels is passed over unread.
  png_set_keep_unknown_chunks(reader.png, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
  png_read_info(reader.png, reader.info);
  return true;
}

// What libpng makes of every kind: RGB or RGBA of 8 bits.
void ask_for_rgb(const PngReader& reader) {
  png_set_expand(reader.png);  // palettes, grey of less than 8 bits, transparent colours
  png_set_strip_16(reader.png);
  png_set_gray_to_rgb(reader.png);
  png_read_update_info(reader.png, reader.info);
}

struct PngRows {
  Picture* picture;
  Placement placement;
  uint8_t* row;  // [width, 4]
};

// Each pass of an interlaced picture is a small picture of every nth pixel; others are one pass of all.
struct Pass {
  int64_t x = 0, y = 0;
  int64_t columns, rows;
  int64_t columns_apart = 1, rows_apart = 1;
};

void take_pass(const PngReader& reader, const PngRows& rows, const Pass& pass) {
  const bool transparent = png_get_channels(reader.png, reader.info) == 4;
  const Placement& whole = rows.placement;
  const Placement placement{whole.origin + pass.x * whole.across + pass.y * whole.down,
                            whole.across * pass.columns_apart, whole.down * pass.rows_apart};
  const bool straight = placement.across == 3 && !transparent;
  for (int64_t y = 0; y < pass.rows; ++y) {
    uint8_t* const row = straight ? rows.picture->rgb.data() + placement.origin + y * placement.down : rows.row;
    png_read_row(reader.png, row, nullptr);
    if (straight) continue;
    if (transparent) lay_on_white(row, pass.columns, row);
    put_rows(row, {pass.columns, 1}, y, placement, *rows.picture);
  }
}

void take_rows(const PngReader& reader, const PngRows& rows) {
  ask_for_rgb(reader);
  const int64_t width = png_get_image_width(reader.png, reader.info);
  const int64_t height = png_get_image_height(reader.png, reader.info);
  if (png_get_interlace_type(reader.png, reader.info) == PNG_INTERLACE_NONE) {
    take_pass(reader, rows, {.columns = width, .rows = height});
  } else {
    for (int number = 0; number < PNG_INTERLACE_ADAM7_PASSES; ++number) {
      const Pass pass{.x = PNG_PASS_START_COL(number),
                      .y = PNG_PASS_START_ROW(number),
                      .columns = PNG_PASS_COLS(width, number),
                      .rows = PNG_PASS_ROWS(height, number),
                      .columns_apart = PNG_PASS_COL_OFFSET(number),
                      .rows_apart = PNG_PASS_ROW_OFFSET(number)};
      if (pass.columns > 0) take_pass(reader, rows, pass);
    }
  }
  png_read_end(reader.png, nullptr);  // the end mark has to be there
}

bool read_rows(PngReader& reader, const PngRows& rows) {
  if (setjmp(reader.entered) != 0) return false;
  take_rows(reader, rows);
  return true;
}

// EXIF data may stand after the pixels, which are placed by them: looked for beforehand.
int find_png_orientation(std::span<const std::byte> file) {
  constexpr size_t kAround = 12;  // length, type and check sum of a chunk
  size_t position = 8;
  while (file.size() - position >= kAround) {
    const size_t length = big_endian(file, position);
    if (length > file.size() - position - kAround) break;
    if (std::memcmp(file.data() + position + 4, "eXIf", 4) == 0)
      return read_orientation(file.subspan(position + 8, length));
    position += kAround + length;
  }
  return 1;
}

// Before libpng sees it, so that sizes are refused in our words.
Result<Size> check_head(std::span<const std::byte> file, const Limits& limits) {
  constexpr size_t kHeadBytes = 33;  // signature and the IHDR chunk
  if (file.size() < kHeadBytes || std::memcmp(file.data() + 8, "\0\0\0\x0dIHDR", 8) != 0)
    return error(ErrorCode::kBadFile, "expected a PNG that begins with a header, found none in {} bytes; save it again",
                 file.size());
  const Size size{big_endian(file, 16), big_endian(file, 20)};
  TRY_VOID(check_size(size, limits, "PNG"));
  return size;
}

tl::unexpected<Error> refuse(const PngReader& reader) {
  return error(ErrorCode::kBadFile, "expected a whole PNG, found one that is damaged ({}); save it again",
               reader.sentence);
}

}  // namespace

Result<Size> read_png_size(std::span<const std::byte> file, const Limits& limits) {
  const Size stored = TRY(check_head(file, limits));
  PngReader reader(file);
  if (!read_header(reader)) return refuse(reader);
  return upright_size(stored, find_png_orientation(file));
}

Result<Picture> decode_png(std::span<const std::byte> file, const Limits& limits) {
  const Size stored = TRY(check_head(file, limits));
  PngReader reader(file);
  if (!read_header(reader)) return refuse(reader);
  const int orientation = find_png_orientation(file);
  Picture picture = TRY(blank_picture(upright_size(stored, orientation), 0));
  std::vector<uint8_t> row = TRY(allocate(stored.width * 4, 0));
  if (!read_rows(reader, {&picture, place(stored, orientation), row.data()})) return refuse(reader);
  return picture;
}

}  // namespace paddock::image
