// SPDX-License-Identifier: Apache-2.0
// Any bytes as a PNG file, as they are and with check sums that are right: few changes of a file get past those.

#include "image/png.h"

#include <zlib.h>

#include <vector>

#include "image/fuzz_decoder.h"

namespace {

std::vector<uint8_t> with_check_sums(std::span<const uint8_t> file) {
  std::vector<uint8_t> mended(file.begin(), file.end());
  size_t position = 8;
  while (position + 12 <= mended.size()) {
    const auto number = [&](size_t at) {
      return size_t{mended[at]} << 24 | size_t{mended[at + 1]} << 16 | size_t{mended[at + 2]} << 8 | mended[at + 3];
    };
    const size_t length = number(position);
    if (length > mended.size() - position - 12) break;
    const auto sum = static_cast<uint32_t>(crc32(0, mended.data() + position + 4, static_cast<uInt>(length + 4)));
    for (size_t i = 0; i < 4; ++i) mended[position + 8 + length + i] = static_cast<uint8_t>(sum >> (24 - 8 * i));
    position += 12 + length;
  }
  return mended;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace paddock::image;
  const auto file = std::span(data, size);
  check_decoded(decode_png(std::as_bytes(file), kFuzzLimits), read_png_size(std::as_bytes(file), kFuzzLimits));
  const std::vector<uint8_t> mended = with_check_sums(file);
  const auto whole = std::as_bytes(std::span(mended));
  check_decoded(decode_png(whole, kFuzzLimits), read_png_size(whole, kFuzzLimits));
  return 0;
}
