// SPDX-License-Identifier: Apache-2.0
// Any bytes as a WebP file.

#include "image/webp.h"

#include "image/fuzz_decoder.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace paddock::image;
  const auto file = std::as_bytes(std::span(data, size));
  check_decoded(decode_webp(file, kFuzzLimits), read_webp_size(file, kFuzzLimits));
  return 0;
}
