// SPDX-License-Identifier: Apache-2.0
#include "image/jpeg.h"

#include <csetjmp>
#include <cstdio>

#include <jpeglib.h>  // needs <cstdio>

#include <jerror.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "image/orientation.h"

namespace paddock::image {

using namespace std::string_view_literals;

namespace {

// libjpeg calls error_exit() and expects that it does not return: it jumps to where the reader was entered. No function
// that libjpeg is called from has locals with destructors.
struct JpegFailure {
  jpeg_error_mgr manager;  // first: libjpeg knows this part alone
  std::jmp_buf entered;
  char sentence[JMSG_LENGTH_MAX];
  bool too_many_scans;
};

JpegFailure& failure_of(j_common_ptr info) { return *reinterpret_cast<JpegFailure*>(info->err); }

[[noreturn]] void leave(j_common_ptr info) {
  JpegFailure& failure = failure_of(info);
  failure.manager.format_message(info, failure.sentence);
  std::longjmp(failure.entered, 1);
}

// Warnings after which the pixels are not what was saved end the reading; others (bytes between segments, odd version
// numbers) are common in good pictures.
void judge_message(j_common_ptr info, int level) {
  if (level >= 0) return;
  switch (info->err->msg_code) {
    case JWRN_JPEG_EOF:
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_ARITH_BAD_CODE:
    case JWRN_MUST_RESYNC: leave(info);
    default: return;
  }
}

void keep_silent(j_common_ptr) {}

// Ten scans are usual. A few bytes can open another scan over all pixels, so that their number bounds the time.
constexpr int64_t kScansOfGreatest = 32;
constexpr int64_t kMostScans = 500;

struct JpegReader {
  jpeg_decompress_struct info{};
  JpegFailure failure{};
  jpeg_progress_mgr progress{};
  int64_t most_scans = kMostScans;

  JpegReader() {
    info.err = jpeg_std_error(&failure.manager);
    failure.manager.error_exit = leave;
    failure.manager.emit_message = judge_message;
    failure.manager.output_message = keep_silent;
  }
  JpegReader(const JpegReader&) = delete;
  ~JpegReader() { jpeg_destroy_decompress(&info); }
};

void count_scans(j_common_ptr common) {
  const auto info = reinterpret_cast<j_decompress_ptr>(common);
  auto* const reader = static_cast<JpegReader*>(info->client_data);
  if (info->input_scan_number <= reader->most_scans) return;
  reader->failure.too_many_scans = true;
  leave(common);
}

bool read_header(JpegReader& reader, std::span<const std::byte> file) {
  if (setjmp(reader.failure.entered) != 0) return false;
  jpeg_create_decompress(&reader.info);
  reader.info.client_data = &reader;
  reader.progress.progress_monitor = count_scans;
  reader.info.progress = &reader.progress;
  jpeg_mem_src(&reader.info, reinterpret_cast<const unsigned char*>(file.data()), file.size());
  jpeg_read_header(&reader.info, TRUE);
  return true;
}

// The amount of ink that is missing, times the amount of black that is missing. An Adobe marker says that exactly this
// is stored. The two may overlap where `rgb` does not lie behind `cmyk`.
void cmyk_to_rgb(const uint8_t* cmyk, int64_t count, bool stored_inverted, uint8_t* rgb) {
  const uint8_t flip = stored_inverted ? 0 : 255;
  for (; count > 0; --count, cmyk += 4, rgb += 3) {
    const int light = cmyk[3] ^ flip;
    for (int channel = 0; channel < 3; ++channel) {
      const int taken = (255 - (cmyk[channel] ^ flip)) * light + 128;
      rgb[channel] = static_cast<uint8_t>(light - ((taken + (taken >> 8)) >> 8));
    }
  }
}

constexpr int kStripRows = 16;

// Where rows go: straight into the picture, or into a strip from which they are converted or turned.
struct JpegRows {
  Picture* picture;
  Placement placement;
  uint8_t* strip;  // [kStripRows, width, components], or nothing
};

void take_rows(j_decompress_ptr info, const JpegRows& rows) {
  jpeg_start_decompress(info);
  const auto width = static_cast<int64_t>(info->output_width);
  const int64_t row_bytes = width * info->output_components;
  while (info->output_scanline < info->output_height) {
    const int64_t first = info->output_scanline;
    const auto count = static_cast<int>(std::min<int64_t>(kStripRows, info->output_height - first));
    JSAMPROW lines[kStripRows];
    for (int line = 0; line < count; ++line)
      lines[line] = (rows.strip ? rows.strip : rows.picture->rgb.data() + first * row_bytes) + line * row_bytes;
    for (int line = 0; line < count;)
      line += static_cast<int>(jpeg_read_scanlines(info, lines + line, static_cast<JDIMENSION>(count - line)));
    if (!rows.strip) continue;
    if (info->output_components == 4) {
      // The strip becomes one of RGB: each row lies at or before where its components are.
      for (int line = 0; line < count; ++line)
        cmyk_to_rgb(lines[line], width, info->saw_Adobe_marker, rows.strip + line * width * 3);
    }
    put_rows(rows.strip, {width, count}, first, rows.placement, *rows.picture);
  }
  jpeg_finish_decompress(info);  // reads up to the end mark, which has to be there
}

bool read_rows(JpegReader& reader, const JpegRows& rows) {
  if (setjmp(reader.failure.entered) != 0) return false;
  take_rows(&reader.info, rows);
  return true;
}

// The first EXIF segment before the pixels. libjpeg checks what it needs of the segments; this only looks for one.
int find_jpeg_orientation(std::span<const std::byte> file) {
  const auto byte_at = [&](size_t position) { return std::to_integer<unsigned>(file[position]); };
  size_t position = 2;
  while (position + 4 <= file.size()) {
    if (byte_at(position) != 0xff) {
      ++position;
      continue;
    }
    const unsigned marker = byte_at(position + 1);
    if (marker == 0xff) {
      ++position;
      continue;
    }
    if (marker == 0xda || marker == 0xd9) break;                                   // the scan, the end
    if (marker == 0x00 || marker == 0x01 || (marker >= 0xd0 && marker <= 0xd8)) {  // no segment follows these
      position += 2;
      continue;
    }
    const size_t length = byte_at(position + 2) << 8 | byte_at(position + 3);
    if (length < 2 || length > file.size() - position - 2) break;
    const auto content = file.subspan(position + 4, length - 2);
    const std::string_view head(reinterpret_cast<const char*>(content.data()), std::min<size_t>(content.size(), 6));
    if (marker == 0xe1 && head == "Exif\0\0"sv) return read_orientation(content);
    position += 2 + length;
  }
  return 1;
}

tl::unexpected<Error> refuse(const JpegReader& reader) {
  if (reader.failure.too_many_scans)
    return error(ErrorCode::kLimit,
                 "expected a JPEG of at most {} scans at this size, found more; save it as a baseline JPEG",
                 reader.most_scans);
  return error(ErrorCode::kBadFile,
               "expected a whole JPEG, found one that is damaged or not supported ({}); save it again",
               reader.failure.sentence);
}

Size stored_size(const JpegReader& reader) { return {reader.info.image_width, reader.info.image_height}; }

Result<void> check_header(const JpegReader& reader, const Limits& limits) {
  TRY_VOID(check_size(stored_size(reader), limits, "JPEG"));
  const int components = reader.info.num_components;
  if (components != 1 && components != 3 && components != 4)
    return error(ErrorCode::kUnsupported, "expected a JPEG of 1, 3 or 4 components, found {}; save it as RGB",
                 components);
  return {};
}

}  // namespace

Result<Size> read_jpeg_size(std::span<const std::byte> file, const Limits& limits) {
  JpegReader reader;
  if (!read_header(reader, file)) return refuse(reader);
  TRY_VOID(check_header(reader, limits));
  return upright_size(stored_size(reader), find_jpeg_orientation(file));
}

Result<Picture> decode_jpeg(std::span<const std::byte> file, const Limits& limits) {
  JpegReader reader;
  if (!read_header(reader, file)) return refuse(reader);
  TRY_VOID(check_header(reader, limits));
  const Size stored = stored_size(reader);
  reader.most_scans =
      std::clamp(kScansOfGreatest * limits.pixels / (stored.width * stored.height), kScansOfGreatest, kMostScans);

  const bool four = reader.info.num_components == 4;
  reader.info.out_color_space = four ? JCS_CMYK : JCS_RGB;
  reader.info.dct_method = JDCT_ISLOW;
  reader.info.do_fancy_upsampling = TRUE;

  const int orientation = find_jpeg_orientation(file);
  Picture picture = TRY(blank_picture(upright_size(stored, orientation), 0));
  std::vector<uint8_t> strip;
  if (four || orientation != 1) strip = TRY(allocate(kStripRows * stored.width * (four ? 4 : 3), 0));
  if (!read_rows(reader, {&picture, place(stored, orientation), strip.empty() ? nullptr : strip.data()}))
    return refuse(reader);
  return picture;
}

}  // namespace paddock::image
