// SPDX-License-Identifier: Apache-2.0
#pragma once
// From the pictures of a conversation to what the engine is given: tiles, and their places among the prompt's tokens.

#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/json.h"
#include "base/result.h"
#include "engine/picture.h"
#include "image/decode.h"
#include "image/tiles.h"
#include "prompt/pictures_of.h"
#include "text/image_tokens.h"

namespace paddock::prompt {

struct PictureLimits {
  image::Limits file;               // of each picture
  int64_t pictures = 32;            // of a request
  int64_t tiles = 272;              // of a request: sixteen pictures of sixteen tiles and a global one
  double fetch_time = 10;           // seconds in which all that a request names by address have come
  std::function<bool()> is_wanted;  // whether somebody waits for the answer still; none: somebody does
};
// What both allow.
PictureLimits narrower(const PictureLimits& one, const PictureLimits& other);

// A picture that has been cut into tiles.
struct SeenPicture {
  Digest file;  // SHA-256 of its bytes
  Digest seen;  // of these and the detail
  text::TileGrid grid;
  std::shared_ptr<const std::vector<uint8_t>> tiles;  // [tiles, 3, S, S]
};

struct PicturedPrompt {
  std::vector<text::TokenId> tokens;
  std::vector<engine::Picture> pictures;
};

// Thread-safe. Remembers the tiles of the pictures that it read last.
class PictureReader {
 public:
  // Fetches what an address of http or https names, or gives up. None: such addresses are refused.
  using Moment = std::chrono::steady_clock::time_point;
  using Fetch = std::function<Result<std::string>(std::string_view url, size_t most_bytes, Moment until,
                                                  const std::function<bool()>& is_wanted)>;

  PictureReader(text::ImageTokens tokens, image::TilingRules rules, PictureLimits limits, size_t remembered_bytes,
                Fetch fetch = {})
      : tokens_(tokens),
        rules_(rules),
        limits_(limits),
        remembered_bytes_(remembered_bytes),
        fetch_(std::move(fetch)) {}

  const text::ImageTokens& tokens() const { return tokens_; }
  const image::TilingRules& rules() const { return rules_; }
  const PictureLimits& limits() const { return limits_; }

  // An error names the source's path. `until`: what is fetched has come by then.
  Result<SeenPicture> read(const PictureSource& source, const PictureLimits& limits, Moment until);
  Result<SeenPicture> read_file(std::string_view file, Detail detail, const PictureLimits& limits,
                                std::string_view path);

  // Puts pictures where the template wrote their places.
  Result<PicturedPrompt> place(std::span<const text::TokenId> tokens, std::span<const SeenPicture> pictures) const;

 private:
  std::optional<SeenPicture> recall(const Digest& seen);
  void remember(const SeenPicture& picture);

  text::ImageTokens tokens_;
  image::TilingRules rules_;
  PictureLimits limits_;
  size_t remembered_bytes_;
  Fetch fetch_;

  std::mutex mutex_;
  std::list<SeenPicture> pictures_;  // read last: last
  std::map<Digest, std::list<SeenPicture>::iterator> by_digest_;
  size_t bytes_ = 0;
};

// All pictures of a conversation whose prompt is `tokens`. `reader` null: the model sees none. Errors name parts by
// `paths` where the client wrote them otherwise than conversations do. The error of a picture begins with its path.
Result<PicturedPrompt> read_pictures(const Json& conversation, std::span<const text::TokenId> tokens,
                                     PictureReader* reader, const PictureLimits& limits,
                                     std::span<const std::string> paths = {});

}  // namespace paddock::prompt
