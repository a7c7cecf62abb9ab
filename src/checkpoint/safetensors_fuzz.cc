// SPDX-License-Identifier: Apache-2.0
// Any bytes as a safetensors file.

#include <cstdint>

#include "checkpoint/safetensors.h"
#include "checkpoint/walk_contents.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace paddock::checkpoint;
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  const auto contents = parse_safetensors(bytes, "fuzz.safetensors");
  if (contents) walk_tensors(contents->tensors, bytes);
  return 0;
}
