// SPDX-License-Identifier: Apache-2.0
// Any bytes from a file to tiles, by what they claim to be.

#include "image/tiles.h"

#include <algorithm>

#include "image/decode.h"
#include "image/fuzz_decoder.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace paddock::image;
  const auto file = std::as_bytes(std::span(data, size));
  const auto picture = decode(file, kFuzzLimits);
  check_decoded(picture, read_size(file, kFuzzLimits));
  if (!picture) return 0;
  for (const TilingRules& rules : {TilingRules{28, 16}, TilingRules{14, 1}}) {
    const Tiles tiles = cut_tiles(*picture, rules);
    CHECK(tiles.canvas.rows * tiles.canvas.columns <= rules.most_tiles);
    CHECK(tiles.planes.size() == static_cast<size_t>(tiles.canvas.tiles() * 3 * rules.tile * rules.tile));
    const Tiles whole = global_tile(*picture, rules);
    CHECK(whole.canvas.tiles() == 1);
    if (tiles.canvas.has_global_tile())  // the last one
      CHECK(std::equal(whole.planes.rbegin(), whole.planes.rend(), tiles.planes.rbegin()));
  }
  return 0;
}
