// SPDX-License-Identifier: Apache-2.0
#pragma once
// What makes embeddings of tiles, as the engine sees it: a long work that is done in pieces, so that answers go on.

#include <cstdint>
#include <span>

namespace paddock::engine {

class TileEncoder {
 public:
  virtual ~TileEncoder() = default;

  virtual int64_t tile_bytes() const = 0;       // of one tile [3, S, S]
  virtual int64_t tokens_per_tile() const = 0;  // rows of embeddings
  virtual int64_t width() const = 0;            // D of a row
  virtual int64_t tiles_at_once() const = 0;

  // A batch of at most tiles_at_once() tiles, each [3, S, S]. What a tile becomes does not depend on the others.
  virtual void begin(std::span<const std::span<const uint8_t>> tiles) = 0;
  // One piece of the work; false when it was the last.
  virtual bool advance() = 0;
  // [tokens_per_tile, D] of a tile of the finished batch.
  virtual void read(int64_t tile, std::span<float> rows) = 0;
};

}  // namespace paddock::engine
