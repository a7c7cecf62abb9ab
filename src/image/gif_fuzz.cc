// SPDX-License-Identifier: Apache-2.0
// Any bytes as a GIF file.

#include "image/gif.h"

#include "image/fuzz_decoder.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace paddock::image;
  const auto file = std::as_bytes(std::span(data, size));
  check_decoded(decode_gif(file, kFuzzLimits), read_gif_size(file, kFuzzLimits));
  return 0;
}
