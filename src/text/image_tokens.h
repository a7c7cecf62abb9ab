// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a picture is in a prompt: one token <|image|> as templates write it, many as the model reads it.

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "text/tokenizer.h"

namespace paddock::text {

// How a picture was cut: rows x columns of tiles, and where there is more than one a tile of all of it after them.
struct TileGrid {
  int64_t rows = 1;
  int64_t columns = 1;
  int64_t tiles() const { return rows * columns > 1 ? rows * columns + 1 : 1; }
};

// A prompt whose pictures have been expanded.
struct PromptWithPictures {
  std::vector<TokenId> ids;
  std::vector<std::vector<int64_t>> tile_tokens;  // for each picture, where each tile's patch tokens begin in ids
};

class ImageTokens {
 public:
  // Found by name; an error names the one that the tokenizer lacks. `tokens_per_tile`: patch tokens.
  static Result<ImageTokens> find(const Tokenizer& tokenizer, int64_t tokens_per_tile);

  TokenId placeholder() const { return image_; }
  TokenId patch() const { return patch_; }
  TokenId start() const { return start_; }
  TokenId end() const { return end_; }
  int64_t tokens_per_tile() const { return tokens_per_tile_; }

  // Tokens that a picture takes in the prompt.
  int64_t count(const TileGrid& grid) const;

  // Each placeholder, in order, becomes the picture's tokens. An error where there are not as many as pictures.
  Result<PromptWithPictures> expand(std::span<const TokenId> ids, std::span<const TileGrid> pictures) const;

 private:
  void append(const TileGrid& grid, PromptWithPictures* prompt) const;

  TokenId image_ = kNoToken, patch_ = kNoToken, start_ = kNoToken, end_ = kNoToken;
  TokenId between_columns_ = kNoToken, after_row_ = kNoToken;
  int64_t tokens_per_tile_ = 0;
};

}  // namespace paddock::text
