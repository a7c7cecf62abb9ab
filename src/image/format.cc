// SPDX-License-Identifier: Apache-2.0
#include "image/format.h"

#include <cctype>
#include <string_view>

namespace paddock::image {

using namespace std::string_view_literals;

namespace {

// What people send by mistake is called by its name.
const char* guess_other(std::string_view head) {
  if (head.empty()) return "no bytes at all";
  if (head.starts_with("%PDF")) return "a PDF";
  if (head.starts_with("BM")) return "a BMP";
  if (head.starts_with("II*\0"sv) || head.starts_with("MM\0*"sv)) return "a TIFF or a camera's raw file";
  if (head.substr(0, 12).substr(std::min<size_t>(head.size(), 4)).starts_with("ftyp"))
    return head.find("avif") < 32 ? "an AVIF" : "a HEIC or a video";
  if (head.starts_with("\0\0\1\0"sv)) return "an icon (ICO)";
  if (head.starts_with("\xff\x0a") || head.starts_with("\0\0\0\x0cJXL "sv)) return "a JPEG XL";
  if (head.starts_with("\0\0\0\x0cjP  "sv)) return "a JPEG 2000";
  if (head.starts_with("RIFF")) return "a RIFF file that is no WebP";
  if (head.substr(0, 256).find("<svg") != head.npos) return "an SVG drawing";
  size_t text = 0;
  while (text < head.size() && text < 64 &&
         (std::isprint(static_cast<unsigned char>(head[text])) || std::isspace(static_cast<unsigned char>(head[text]))))
    ++text;
  return text == head.size() || text == 64 ? "text" : "other bytes";
}

}  // namespace

Result<Format> find_format(std::span<const std::byte> file) {
  const std::string_view head(reinterpret_cast<const char*>(file.data()), std::min<size_t>(file.size(), 512));
  if (head.starts_with("\xff\xd8\xff")) return Format::kJpeg;
  if (head.starts_with("\x89PNG\r\n\x1a\n")) return Format::kPng;
  if (head.starts_with("RIFF") && head.size() >= 12 && head.substr(8, 4) == "WEBP") return Format::kWebp;
  if (head.starts_with("GIF87a") || head.starts_with("GIF89a")) return Format::kGif;
  return error(ErrorCode::kBadFile, "expected a JPEG, PNG, WebP or GIF picture, found {}; convert it to one of these",
               guess_other(head));
}

}  // namespace paddock::image
