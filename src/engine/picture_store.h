// SPDX-License-Identifier: Apache-2.0
#pragma once
// Pictures to embeddings: encoded in pieces between steps, tiles of several pictures together, and kept as long as
// there is room, so that the same picture costs nothing in the next turn.

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <vector>

#include "base/digest.h"
#include "engine/picture.h"
#include "engine/tile_encoder.h"

namespace paddock::engine {

// [tiles, tokens_per_tile, D]
using Embeddings = std::shared_ptr<const std::vector<float>>;

struct PictureCounts {
  int64_t encoded = 0;
  int64_t encoded_tiles = 0;
  double seconds = 0;  // that encoding took
};

// Used by the engine's thread.
class PictureStore {
 public:
  // Embeddings take at most `most_bytes`, those in use among them.
  PictureStore(std::unique_ptr<TileEncoder> encoder, size_t most_bytes)
      : encoder_(std::move(encoder)), most_bytes_(most_bytes) {}

  const TileEncoder& encoder() const { return *encoder_; }
  size_t bytes_of(int64_t tiles) const;
  size_t most_bytes() const { return most_bytes_; }
  size_t bytes() const { return bytes_; }
  const PictureCounts& counts() const { return counts_; }

  // What stands for a picture where texts are compared: a number below zero, the same for the same digest.
  int32_t mark_of(const Digest& digest);

  // Requests ask in order of importance, again in every round, for what they need. Null until it has been encoded.
  void begin_round() { ++round_; }
  Embeddings ask(const Picture& picture);

  // Whether somebody asked in this round for what is still to be encoded.
  bool is_busy() const;
  // Encodes for about so many seconds, at least one piece. A piece should take at most `piece_seconds`.
  void advance(double seconds, double piece_seconds);

 private:
  struct Entry {
    Digest digest;
    std::shared_ptr<const std::vector<uint8_t>> tiles;  // until it is encoded
    std::shared_ptr<std::vector<float>> embeddings;
    int64_t tile_count = 0;
    int64_t begun = 0, done = 0;  // tiles
    uint64_t round = 0;           // in which it was last asked for
    bool is_encoded() const { return done == tile_count; }
  };
  using Entries = std::list<Entry>;  // least recently asked for first
  struct Tile {
    Entries::iterator entry;
    int64_t tile = 0;
  };

  bool make_room(size_t bytes);
  void drop(Entries::iterator entry);
  void drop_unwanted();
  void begin_batch(double piece_seconds);
  void end_batch();

  std::unique_ptr<TileEncoder> encoder_;
  size_t most_bytes_;
  size_t bytes_ = 0;
  Entries entries_;
  std::map<Digest, Entries::iterator> by_digest_;
  std::vector<Tile> batch_;
  double piece_per_tile_ = 0;  // seconds of a piece for each tile, as the last ones took
  uint64_t round_ = 0;
  std::map<Digest, int32_t> marks_;
  int32_t next_mark_ = -1;
  PictureCounts counts_;
};

}  // namespace paddock::engine
