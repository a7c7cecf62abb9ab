// SPDX-License-Identifier: Apache-2.0
#include "image/gif.h"

#include <gif_lib.h>

#include <algorithm>
#include <cstring>

namespace paddock::image {

namespace {

struct GifReader {
  std::span<const std::byte> rest;  // of the file
  GifFileType* gif = nullptr;
  int code = 0;          // giflib's number of what went wrong
  int transparent = -1;  // palette index

  explicit GifReader(std::span<const std::byte> file) : rest(file) {}
  GifReader(const GifReader&) = delete;
  ~GifReader() {
    if (gif) DGifCloseFile(gif, nullptr);
  }
};

int give_bytes(GifFileType* gif, GifByteType* to, int count) {
  auto* const reader = static_cast<GifReader*>(gif->UserData);
  const size_t given = std::min(reader->rest.size(), static_cast<size_t>(std::max(count, 0)));
  std::memcpy(to, reader->rest.data(), given);
  reader->rest = reader->rest.subspan(given);
  return static_cast<int>(given);
}

tl::unexpected<Error> refuse_gif(const char* found) {
  return error(ErrorCode::kBadFile, "expected a whole GIF, found one that is damaged or ends early ({}); save it again",
               found);
}

tl::unexpected<Error> refuse(const GifReader& reader) {
  const char* const found = GifErrorString(reader.gif ? reader.gif->Error : reader.code);
  return refuse_gif(found ? found : "no reason given");
}

Result<void> skip_extension(GifReader& reader) {
  int kind = 0;
  GifByteType* block = nullptr;
  if (DGifGetExtension(reader.gif, &kind, &block) == GIF_ERROR) return refuse(reader);
  while (block) {
    GraphicsControlBlock control;
    if (kind == GRAPHICS_EXT_FUNC_CODE && DGifExtensionToGCB(block[0], block + 1, &control) == GIF_OK)
      reader.transparent = control.TransparentColor;
    if (DGifGetExtensionNext(reader.gif, &block) == GIF_ERROR) return refuse(reader);
  }
  return {};
}

// Up to the first frame's pixels. The canvas holds the frame, whatever the screen's size says.
Result<Size> read_until_frame(GifReader& reader, const Limits& limits) {
  reader.gif = DGifOpen(&reader, give_bytes, &reader.code);
  if (!reader.gif) return refuse(reader);
  while (true) {
    GifRecordType kind = UNDEFINED_RECORD_TYPE;
    if (DGifGetRecordType(reader.gif, &kind) == GIF_ERROR) return refuse(reader);
    if (kind == EXTENSION_RECORD_TYPE) TRY_VOID(skip_extension(reader));
    if (kind == TERMINATE_RECORD_TYPE) return refuse_gif("no frame");
    if (kind == IMAGE_DESC_RECORD_TYPE) break;
  }
  if (DGifGetImageDesc(reader.gif) == GIF_ERROR) return refuse(reader);
  const GifImageDesc& frame = reader.gif->Image;
  if (frame.Width <= 0 || frame.Height <= 0) return refuse_gif("an empty frame");
  const Size canvas{std::max<int64_t>(reader.gif->SWidth, int64_t{frame.Left} + frame.Width),
                    std::max<int64_t>(reader.gif->SHeight, int64_t{frame.Top} + frame.Height)};
  TRY_VOID(check_size(canvas, limits, "GIF"));
  return canvas;
}

// The frame's colours. Without any table an index is a shade of grey; an index beyond the table is black.
void fill_palette(const GifFileType& gif, uint8_t (&palette)[256][3]) {
  const ColorMapObject* const colours = gif.Image.ColorMap ? gif.Image.ColorMap : gif.SColorMap;
  for (int index = 0; index < 256; ++index) {
    if (!colours)
      std::memset(palette[index], index, 3);
    else if (index < colours->ColorCount)
      std::memcpy(palette[index], &colours->Colors[index], 3);
  }
}

Result<void> read_frame(GifReader& reader, Picture& picture) {
  uint8_t palette[256][3] = {};
  fill_palette(*reader.gif, palette);
  const GifImageDesc& frame = reader.gif->Image;
  std::vector<uint8_t> line = TRY(allocate(frame.Width, 0));
  const auto read_line = [&](int64_t y) {
    if (DGifGetLine(reader.gif, line.data(), frame.Width) == GIF_ERROR) return false;
    uint8_t* rgb = picture.rgb.data() + ((frame.Top + y) * picture.width + frame.Left) * 3;
    for (int64_t x = 0; x < frame.Width; ++x, rgb += 3)
      if (line[x] != reader.transparent) std::memcpy(rgb, palette[line[x]], 3);
    return true;
  };
  struct Lines {
    int first, apart;
  };
  constexpr Lines kInterlaced[] = {{0, 8}, {4, 8}, {2, 4}, {1, 2}};
  constexpr Lines kPlain[] = {{0, 1}};
  for (const Lines& lines : frame.Interlace ? std::span<const Lines>(kInterlaced) : std::span<const Lines>(kPlain))
    for (int64_t y = lines.first; y < frame.Height; y += lines.apart)
      if (!read_line(y)) return refuse(reader);
  return {};
}

// Later frames are passed over block by block up to the end mark, to know that nothing is missing.
bool is_whole(std::span<const std::byte> rest) {
  const auto pass = [&](size_t count) {
    if (count > rest.size()) return false;
    rest = rest.subspan(count);
    return true;
  };
  const auto pass_blocks = [&] {
    while (!rest.empty()) {
      const auto length = std::to_integer<size_t>(rest[0]);
      if (!pass(1 + length)) return false;
      if (length == 0) return true;
    }
    return false;
  };
  while (!rest.empty()) {
    const auto kind = std::to_integer<char>(rest[0]);
    if (kind == ';') return true;
    if (kind == '!') {
      if (!pass(2) || !pass_blocks()) return false;
    } else if (kind == ',') {
      if (rest.size() < 11) return false;
      const auto flags = std::to_integer<unsigned>(rest[9]);
      const size_t colours = flags & 0x80 ? size_t{3} << ((flags & 7) + 1) : 0;
      if (!pass(10 + colours + 1) || !pass_blocks()) return false;
    } else {
      return false;
    }
  }
  return false;
}

}  // namespace

Result<Size> read_gif_size(std::span<const std::byte> file, const Limits& limits) {
  GifReader reader(file);
  return read_until_frame(reader, limits);
}

Result<Picture> decode_gif(std::span<const std::byte> file, const Limits& limits) {
  GifReader reader(file);
  Picture picture = TRY(blank_picture(TRY(read_until_frame(reader, limits)), 255));
  TRY_VOID(read_frame(reader, picture));
  if (!is_whole(reader.rest)) return refuse_gif("no end mark");
  return picture;
}

}  // namespace paddock::image
