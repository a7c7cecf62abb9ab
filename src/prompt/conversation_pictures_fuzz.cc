// SPDX-License-Identifier: Apache-2.0
// The input is a conversation: its pictures to tiles, as far as they are any.
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/utf8.h"
#include "image/fuzz_decoder.h"
#include "prompt/picture_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace paddock;
  using namespace paddock::prompt;
  const auto conversation = parse_json({reinterpret_cast<const char*>(data), size}, "conversation");
  if (!conversation) return 0;
  const image::TilingRules rules{28, 16};
  const PictureLimits limits{.file = image::kFuzzLimits, .pictures = 4, .tiles = 24, .is_wanted = {}};
  PictureReader reader({}, rules, limits, 1 << 20);
  for (const PictureSource& source : pictures_of(*conversation)) {
    // The second time from what is remembered.
    const auto first = reader.read(source, limits, {}), second = reader.read(source, limits, {});
    CHECK(first.has_value() == second.has_value());
    if (!first) {
      CHECK(first.error().message.starts_with(source.path) && is_valid_utf8(first.error().message));
      CHECK(first.error().message == second.error().message);
      continue;
    }
    CHECK(first->seen == second->seen && *first->tiles == *second->tiles);
    CHECK(first->tiles->size() == static_cast<size_t>(first->grid.tiles() * 3 * rules.tile * rules.tile));
    CHECK(source.detail == Detail::kTiles || first->grid.tiles() == 1);
  }
  // Without places in the prompt no picture is taken: all of it ends as an error that can be told.
  const auto read = read_pictures(*conversation, {}, &reader, limits);
  CHECK(read ? read->pictures.empty() : is_valid_utf8(read.error().message));
  return 0;
}
