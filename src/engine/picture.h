// SPDX-License-Identifier: Apache-2.0
#pragma once
// A picture in a prompt: tiles that become as many rows of embeddings as there are tokens that stand for them.

#include <cstdint>
#include <memory>
#include <vector>

#include "base/digest.h"

namespace paddock::engine {

struct Picture {
  Digest digest;     // pictures with the same digest are the same
  Digest file = {};  // SHA-256 of the file that it came from, for who keeps records
  std::shared_ptr<const std::vector<uint8_t>> tiles;  // [tiles, 3, S, S]
  std::vector<int64_t> tile_tokens;  // for each tile, where its tokens begin in the prompt; rising
};

}  // namespace paddock::engine
