// SPDX-License-Identifier: Apache-2.0
#include "image/webp.h"

#include <webp/decode.h>
#include <webp/demux.h>

#include <memory>

#include "image/alpha.h"
#include "image/orientation.h"

namespace paddock::image {

namespace {

// The container taken apart: canvas, EXIF data, and where the first frame lies. Owns nothing of the file.
class WebpFile {
 public:
  explicit WebpFile(std::span<const std::byte> file)
      : data_{reinterpret_cast<const uint8_t*>(file.data()), file.size()}, demuxer_(WebPDemux(&data_)) {}
  WebpFile(const WebpFile&) = delete;
  ~WebpFile() {
    WebPDemuxReleaseIterator(&frame_);
    WebPDemuxDelete(demuxer_);
  }

  bool find_frame() { return demuxer_ && WebPDemuxGetFrame(demuxer_, 1, &frame_); }
  const WebPIterator& frame() const { return frame_; }
  Size canvas() const {
    return {WebPDemuxGetI(demuxer_, WEBP_FF_CANVAS_WIDTH), WebPDemuxGetI(demuxer_, WEBP_FF_CANVAS_HEIGHT)};
  }
  int orientation() const {
    WebPChunkIterator chunk{};
    int orientation = 1;
    if (WebPDemuxGetChunk(demuxer_, "EXIF", 1, &chunk))
      orientation = read_orientation(std::as_bytes(std::span(chunk.chunk.bytes, chunk.chunk.size)));
    WebPDemuxReleaseChunkIterator(&chunk);
    return orientation;
  }

 private:
  WebPData data_;
  WebPDemuxer* demuxer_;
  WebPIterator frame_{};
};

tl::unexpected<Error> refuse_webp(const char* found) {
  return error(ErrorCode::kBadFile,
               "expected a whole WebP, found one that is damaged or ends early ({}); save it again", found);
}

const char* reason(VP8StatusCode status) {
  switch (status) {
    case VP8_STATUS_OUT_OF_MEMORY: return "out of memory";
    case VP8_STATUS_NOT_ENOUGH_DATA: return "data are missing";
    case VP8_STATUS_UNSUPPORTED_FEATURE: return "an unknown feature";
    case VP8_STATUS_SUSPENDED: return "data are missing";
    default: return "data that make no sense";
  }
}

// Refuses frames that do not lie on their canvas, so that pixels can be put without another look.
Result<Size> check_webp(WebpFile& file, const Limits& limits) {
  if (!file.find_frame()) return refuse_webp("no complete frame");
  const Size canvas = file.canvas();
  TRY_VOID(check_size(canvas, limits, "WebP"));
  const WebPIterator& frame = file.frame();
  if (frame.width <= 0 || frame.height <= 0 || frame.x_offset < 0 || frame.y_offset < 0 ||
      frame.width > canvas.width - frame.x_offset || frame.height > canvas.height - frame.y_offset)
    return refuse_webp("a frame outside of the canvas");
  return canvas;
}

// Decodes the frame to `pixels`, in rows of `row_bytes`.
Result<void> decode_frame(WebPDecoderConfig& config, const WebPIterator& frame, bool transparent, uint8_t* pixels,
                          int64_t row_bytes) {
  config.output.colorspace = transparent ? MODE_RGBA : MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA = {pixels, static_cast<int>(row_bytes), static_cast<size_t>(row_bytes * frame.height)};
  const VP8StatusCode status = WebPDecode(frame.fragment.bytes, frame.fragment.size, &config);
  if (status != VP8_STATUS_OK) return refuse_webp(reason(status));
  return {};
}

}  // namespace

Result<Size> read_webp_size(std::span<const std::byte> file, const Limits& limits) {
  WebpFile webp(file);
  const Size canvas = TRY(check_webp(webp, limits));
  return upright_size(canvas, webp.orientation());
}

Result<Picture> decode_webp(std::span<const std::byte> file, const Limits& limits) {
  WebpFile webp(file);
  const Size canvas = TRY(check_webp(webp, limits));
  const WebPIterator& frame = webp.frame();
  const int orientation = webp.orientation();

  WebPDecoderConfig config;
  if (!WebPInitDecoderConfig(&config)) return refuse_webp("another version of libwebp than at the time of the build");
  const VP8StatusCode status = WebPGetFeatures(frame.fragment.bytes, frame.fragment.size, &config.input);
  if (status != VP8_STATUS_OK) return refuse_webp(reason(status));
  if (config.input.width != frame.width || config.input.height != frame.height)
    return refuse_webp("a frame of another size than its header says");
  const bool transparent = config.input.has_alpha;

  Picture picture = TRY(blank_picture(upright_size(canvas, orientation), 255));
  if (!transparent && orientation == 1 && Size{frame.width, frame.height} == canvas) {
    TRY_VOID(decode_frame(config, frame, false, picture.rgb.data(), 3 * canvas.width));
    return picture;
  }
  const int64_t row_bytes = (transparent ? 4 : 3) * int64_t{frame.width};
  std::vector<uint8_t> pixels = TRY(allocate(row_bytes * frame.height, 0));
  TRY_VOID(decode_frame(config, frame, transparent, pixels.data(), row_bytes));
  Placement placement = place(canvas, orientation);
  placement.origin += frame.x_offset * placement.across + frame.y_offset * placement.down;
  if (transparent) lay_on_white(pixels.data(), int64_t{frame.width} * frame.height, pixels.data());
  put_rows(pixels.data(), {frame.width, frame.height}, 0, placement, picture);
  return picture;
}

}  // namespace paddock::image
