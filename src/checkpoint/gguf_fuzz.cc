// SPDX-License-Identifier: Apache-2.0
// Any bytes as a GGUF file.

#include <cstdint>
#include <string_view>
#include <variant>

#include "checkpoint/gguf.h"
#include "checkpoint/gguf_splits.h"
#include "checkpoint/walk_contents.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace paddock::checkpoint;
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  const auto contents = parse_gguf(bytes, "fuzz.gguf");
  if (!contents) return 0;
  volatile size_t sum = 0;
  for (const GgufPair& pair : contents->metadata.pairs()) {
    CHECK(contents->metadata.find(pair.key) == &pair.value);  // keys are unique
    if (const auto* texts = std::get_if<std::vector<std::string_view>>(&pair.value))
      for (const std::string_view text : *texts)
        for (const char character : text) sum = sum + static_cast<unsigned char>(character);
  }
  if (const auto split = read_split(contents->metadata, "fuzz.gguf")) CHECK(split->number < split->count);
  walk_tensors(contents->tensors, bytes);
  return 0;
}
