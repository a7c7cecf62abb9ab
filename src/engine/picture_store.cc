// SPDX-License-Identifier: Apache-2.0
#include "engine/picture_store.h"

#include <algorithm>
#include <limits>

#include "base/check.h"
#include "base/clock.h"

namespace paddock::engine {
namespace {

// Marks that are forgotten cost nothing but sharing: the same picture gets another one then.
constexpr size_t kMostMarks = 1 << 16;

}  // namespace

size_t PictureStore::bytes_of(int64_t tiles) const {
  return static_cast<size_t>(tiles * encoder_->tokens_per_tile() * encoder_->width()) * sizeof(float);
}

int32_t PictureStore::mark_of(const Digest& digest) {
  if (const auto found = marks_.find(digest); found != marks_.end()) return found->second;
  if (marks_.size() == kMostMarks) marks_.clear();
  CHECK(next_mark_ > std::numeric_limits<int32_t>::min());
  return marks_[digest] = next_mark_--;
}

Embeddings PictureStore::ask(const Picture& picture) {
  if (const auto found = by_digest_.find(picture.digest); found != by_digest_.end()) {
    const Entries::iterator entry = found->second;
    entries_.splice(entries_.end(), entries_, entry);
    entry->round = round_;
    return entry->is_encoded() ? entry->embeddings : nullptr;
  }
  const auto tiles = static_cast<int64_t>(picture.tile_tokens.size());
  if (!make_room(bytes_of(tiles))) return nullptr;
  bytes_ += bytes_of(tiles);
  Entry entry;
  entry.digest = picture.digest;
  entry.tiles = picture.tiles;
  entry.tile_count = tiles;
  entry.round = round_;
  by_digest_[picture.digest] = entries_.insert(entries_.end(), std::move(entry));
  return nullptr;
}

// What was asked for in this round stays, so that requests that are more important are not robbed of a part.
bool PictureStore::make_room(size_t bytes) {
  for (auto entry = entries_.begin(); entry != entries_.end() && bytes_ + bytes > most_bytes_;) {
    const auto next = std::next(entry);
    const bool in_use = entry->embeddings.use_count() > 1 || entry->begun > entry->done;
    if (!in_use && entry->round != round_) drop(entry);
    entry = next;
  }
  return bytes_ + bytes <= most_bytes_;
}

void PictureStore::drop(Entries::iterator entry) {
  bytes_ -= bytes_of(entry->tile_count);
  by_digest_.erase(entry->digest);
  entries_.erase(entry);
}

bool PictureStore::is_busy() const {
  if (!batch_.empty()) return true;
  return std::any_of(entries_.begin(), entries_.end(),
                     [&](const Entry& entry) { return !entry.is_encoded() && entry.round == round_; });
}

// Pictures whose requests have gone before they were encoded.
void PictureStore::drop_unwanted() {
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    const auto next = std::next(entry);
    if (!entry->is_encoded() && entry->round != round_ && entry->begun == entry->done) drop(entry);
    entry = next;
  }
}

void PictureStore::begin_batch(double piece_seconds) {
  int64_t room = encoder_->tiles_at_once();
  if (piece_per_tile_ > 0)
    room = std::min(room, std::max<int64_t>(static_cast<int64_t>(std::min(piece_seconds / piece_per_tile_, 1e6)), 1));
  for (auto entry = entries_.begin(); entry != entries_.end() && room > 0; ++entry) {
    if (!entry->is_encoded() && !entry->embeddings)
      entry->embeddings = std::make_shared<std::vector<float>>(bytes_of(entry->tile_count) / sizeof(float));
    for (; entry->begun < entry->tile_count && room > 0; --room) batch_.push_back({entry, entry->begun++});
  }
  std::vector<std::span<const uint8_t>> tiles;
  const auto bytes = static_cast<size_t>(encoder_->tile_bytes());
  for (const Tile& each : batch_)
    tiles.push_back(std::span(*each.entry->tiles).subspan(static_cast<size_t>(each.tile) * bytes, bytes));
  encoder_->begin(tiles);
}

void PictureStore::end_batch() {
  const size_t tile_floats = bytes_of(1) / sizeof(float);
  for (size_t index = 0; index < batch_.size(); ++index) {
    Entry& entry = *batch_[index].entry;
    const auto tile = static_cast<size_t>(batch_[index].tile);
    encoder_->read(static_cast<int64_t>(index), std::span(*entry.embeddings).subspan(tile * tile_floats, tile_floats));
    ++counts_.encoded_tiles;
    if (++entry.done < entry.tile_count) continue;
    entry.tiles.reset();
    ++counts_.encoded;
  }
  batch_.clear();
}

void PictureStore::advance(double seconds, double piece_seconds) {
  const Stopwatch watch;
  while (is_busy()) {
    if (batch_.empty()) {
      drop_unwanted();
      begin_batch(piece_seconds);
    }
    const Stopwatch piece;
    if (!encoder_->advance()) end_batch();
    else piece_per_tile_ = piece.seconds() / static_cast<double>(batch_.size());
    if (watch.seconds() >= seconds) break;
  }
  counts_.seconds += watch.seconds();
}

}  // namespace paddock::engine
