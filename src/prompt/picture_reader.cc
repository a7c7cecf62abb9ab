// SPDX-License-Identifier: Apache-2.0
#include "prompt/picture_reader.h"

#include <algorithm>

namespace paddock::prompt {

PictureLimits narrower(const PictureLimits& one, const PictureLimits& other) {
  return {.file = {.bytes = std::min(one.file.bytes, other.file.bytes),
                   .pixels = std::min(one.file.pixels, other.file.pixels),
                   .side = std::min(one.file.side, other.file.side)},
          .pictures = std::min(one.pictures, other.pictures),
          .tiles = std::min(one.tiles, other.tiles),
          .fetch_time = std::min(one.fetch_time, other.fetch_time),
          .is_wanted = one.is_wanted ? one.is_wanted : other.is_wanted};
}

std::optional<SeenPicture> PictureReader::recall(const Digest& seen) {
  const std::lock_guard lock(mutex_);
  const auto found = by_digest_.find(seen);
  if (found == by_digest_.end()) return {};
  pictures_.splice(pictures_.end(), pictures_, found->second);
  return *found->second;
}

void PictureReader::remember(const SeenPicture& picture) {
  const std::lock_guard lock(mutex_);
  if (by_digest_.contains(picture.seen)) return;
  bytes_ += picture.tiles->size();
  by_digest_[picture.seen] = pictures_.insert(pictures_.end(), picture);
  while (bytes_ > remembered_bytes_) {
    bytes_ -= pictures_.front().tiles->size();
    by_digest_.erase(pictures_.front().seen);
    pictures_.pop_front();
  }
}

Result<SeenPicture> PictureReader::read(const PictureSource& source, const PictureLimits& limits, Moment until) {
  if (source.url.starts_with("http://") || source.url.starts_with("https://")) {
    if (!fetch_)
      return error(ErrorCode::kNotAllowed,
                   "{}: expected a picture as data:image/png;base64,…, found an address; nothing is fetched here, send "
                   "the bytes in the request",
                   source.path);
    const auto file = fetch_(source.url, limits.file.bytes, until, limits.is_wanted);
    if (!file) return error(file.error().code, "{}: {}", source.path, file.error().message);
    return read_file(*file, source.detail, limits, source.path);
  }
  // Base64 takes four letters for three bytes.
  if (source.url.size() / 4 * 3 > limits.file.bytes + 64)
    return error(ErrorCode::kLimit, "{}: expected a picture of at most {} bytes, found about {}; send a smaller one",
                 source.path, limits.file.bytes, source.url.size() / 4 * 3);
  const std::string file = TRY(read_data_url(source.url, source.path));
  return read_file(file, source.detail, limits, source.path);
}

Result<SeenPicture> PictureReader::read_file(std::string_view file, Detail detail, const PictureLimits& limits,
                                             std::string_view path) {
  const std::span bytes(reinterpret_cast<const std::byte*>(file.data()), file.size());
  const auto named = [&](const Error& wrong) { return error(wrong.code, "{}: {}", path, wrong.message); };
  // Remembered or not, what the limits forbid is refused.
  if (const auto size = image::read_size(bytes, limits.file); !size) return named(size.error());
  const Digest of_file = sha256(file);
  const std::string_view of_bytes(reinterpret_cast<const char*>(of_file.data()), of_file.size());
  const Digest seen = sha256({detail == Detail::kGlobal ? "global" : "tiles", of_bytes});
  if (auto known = recall(seen)) return std::move(*known);

  const auto picture = image::decode(bytes, limits.file);
  if (!picture) return named(picture.error());
  image::Tiles tiles =
      detail == Detail::kGlobal ? image::global_tile(*picture, rules_) : image::cut_tiles(*picture, rules_);
  SeenPicture result{of_file,
                     seen,
                     {tiles.canvas.rows, tiles.canvas.columns},
                     std::make_shared<const std::vector<uint8_t>>(std::move(tiles.planes))};
  remember(result);
  return result;
}

Result<PicturedPrompt> PictureReader::place(std::span<const text::TokenId> tokens,
                                            std::span<const SeenPicture> pictures) const {
  std::vector<text::TileGrid> grids;
  for (const SeenPicture& picture : pictures) grids.push_back(picture.grid);
  auto expanded = TRY(tokens_.expand(tokens, grids));
  PicturedPrompt prompt{std::move(expanded.ids), {}};
  for (size_t index = 0; index < pictures.size(); ++index)
    prompt.pictures.push_back({.digest = pictures[index].seen,
                               .file = pictures[index].file,
                               .tiles = pictures[index].tiles,
                               .tile_tokens = std::move(expanded.tile_tokens[index])});
  return prompt;
}

Result<PicturedPrompt> read_pictures(const Json& conversation, std::span<const text::TokenId> tokens,
                                     PictureReader* reader, const PictureLimits& limits,
                                     std::span<const std::string> paths) {
  std::vector<PictureSource> sources = pictures_of(conversation);
  if (paths.size() == sources.size())
    for (size_t index = 0; index < paths.size(); ++index) sources[index].path = paths[index];
  if (sources.empty()) return PicturedPrompt{{tokens.begin(), tokens.end()}, {}};
  if (reader == nullptr)
    return error(ErrorCode::kUnsupported,
                 "{}: expected text alone, because this model sees no pictures; leave the picture out or take a model "
                 "that has a vision part",
                 sources.front().path);
  if (static_cast<int64_t>(sources.size()) > limits.pictures)
    return error(ErrorCode::kLimit, "messages: expected at most {} pictures, found {}; send fewer", limits.pictures,
                 sources.size());
  const auto until = std::chrono::steady_clock::now() + std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                                                            std::chrono::duration<double>(limits.fetch_time));
  std::vector<SeenPicture> pictures;
  int64_t tiles = 0;
  for (const PictureSource& source : sources) {
    pictures.push_back(TRY(reader->read(source, limits, until)));
    tiles += pictures.back().grid.tiles();
    if (tiles > limits.tiles)
      return error(ErrorCode::kLimit,
                   "{}: expected pictures of at most {} tiles in all, found more; send fewer or smaller ones, or ask "
                   "for less detail",
                   source.path, limits.tiles);
  }
  return reader->place(tokens, pictures);
}

}  // namespace paddock::prompt
