// SPDX-License-Identifier: Apache-2.0
#include "engine/placed_pictures.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace paddock::engine {

PlacedPictures::PlacedPictures(std::vector<Picture> pictures, PictureStore* store, std::span<int32_t> tokens)
    : pictures_(std::move(pictures)), embeddings_(pictures_.size()) {
  if (pictures_.empty()) return;
  tokens_per_tile_ = store->encoder().tokens_per_tile();
  width_ = store->encoder().width();
  first_ = pictures_.front().tile_tokens.front();
  for (const Picture& picture : pictures_)
    for (const int64_t at : picture.tile_tokens)
      std::ranges::fill(tokens.subspan(static_cast<size_t>(at), static_cast<size_t>(tokens_per_tile_)),
                        store->mark_of(picture.digest));
}

Result<void> PlacedPictures::check(std::span<const Picture> pictures, int64_t prompt_tokens,
                                   const PictureStore* store) {
  if (pictures.empty()) return {};
  if (store == nullptr)
    return error(ErrorCode::kInvalidArgument, "pictures: expected none, because this model sees none, found {}",
                 pictures.size());
  const TileEncoder& encoder = store->encoder();
  int64_t free = 0, tiles = 0;
  for (const Picture& picture : pictures) {
    const auto count = static_cast<int64_t>(picture.tile_tokens.size());
    CHECK(count > 0 && picture.tiles &&
          static_cast<int64_t>(picture.tiles->size()) == count * encoder.tile_bytes());
    for (const int64_t at : picture.tile_tokens) {
      CHECK(at >= free && at + encoder.tokens_per_tile() <= prompt_tokens);
      free = at + encoder.tokens_per_tile();
    }
    tiles += count;
  }
  if (store->bytes_of(tiles) > store->most_bytes())
    return error(ErrorCode::kLimit,
                 "pictures: expected tiles whose embeddings take at most {} bytes, found {} tiles, which take {}; send "
                 "fewer or smaller pictures, or give the server more room for them",
                 store->most_bytes(), tiles, store->bytes_of(tiles));
  return {};
}

int64_t PlacedPictures::whole_before(int64_t position) const {
  return std::ranges::count_if(pictures_, [&](const Picture& picture) { return end_of(picture) <= position; });
}

bool PlacedPictures::hold(int64_t position, PictureStore* store) {
  bool all = true;
  std::vector<Embeddings> held(pictures_.size());
  for (size_t index = 0; index < pictures_.size(); ++index) {
    if (end_of(pictures_[index]) <= position) continue;
    held[index] = store->ask(pictures_[index]);
    all = all && held[index];
  }
  if (all) embeddings_ = std::move(held);
  return all;
}

void PlacedPictures::release(int64_t position) {
  for (size_t index = 0; index < pictures_.size(); ++index)
    if (end_of(pictures_[index]) <= position) embeddings_[index].reset();
}

std::vector<int32_t> PlacedPictures::fill(std::span<const int32_t> tokens, int64_t first, int64_t row,
                                          std::vector<llama4::GivenRows>* given) const {
  std::vector<int32_t> ids(tokens.begin(), tokens.end());
  for (int32_t& id : ids) id = std::max(id, 0);
  const int64_t last = first + static_cast<int64_t>(tokens.size());
  for (size_t index = 0; index < pictures_.size(); ++index) {
    const std::vector<int64_t>& places = pictures_[index].tile_tokens;
    for (size_t tile = 0; tile < places.size(); ++tile) {
      const int64_t from = std::max(places[tile], first);
      const int64_t to = std::min(places[tile] + tokens_per_tile_, last);
      if (from >= to) continue;
      CHECK(embeddings_[index]);
      const int64_t offset = static_cast<int64_t>(tile) * tokens_per_tile_ + from - places[tile];
      given->push_back({row + from - first, std::span(*embeddings_[index])
                                                .subspan(static_cast<size_t>(offset * width_),
                                                         static_cast<size_t>((to - from) * width_))});
    }
  }
  return ids;
}

}  // namespace paddock::engine
