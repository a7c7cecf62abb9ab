// SPDX-License-Identifier: Apache-2.0
// Any bytes as a JPEG file.

#include "image/jpeg.h"

#include "image/fuzz_decoder.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace paddock::image;
  const auto file = std::as_bytes(std::span(data, size));
  check_decoded(decode_jpeg(file, kFuzzLimits), read_jpeg_size(file, kFuzzLimits));
  return 0;
}
