// SPDX-License-Identifier: Apache-2.0
#include "text/image_tokens.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace paddock::text {

Result<ImageTokens> ImageTokens::find(const Tokenizer& tokenizer, int64_t tokens_per_tile) {
  ImageTokens tokens;
  tokens.tokens_per_tile_ = tokens_per_tile;
  const std::pair<std::string_view, TokenId*> named[] = {
      {"<|image|>", &tokens.image_},
      {"<|patch|>", &tokens.patch_},
      {"<|image_start|>", &tokens.start_},
      {"<|image_end|>", &tokens.end_},
      {"<|tile_x_separator|>", &tokens.between_columns_},
      {"<|tile_y_separator|>", &tokens.after_row_},
  };
  for (const auto& [name, id] : named) {
    const auto found = tokenizer.id_of_special(name);
    if (!found)
      return error(ErrorCode::kBadFile,
                   "tokenizer: expected the special token {} of a model that sees pictures, found none; use the "
                   "tokenizer that was published with the model",
                   name);
    *id = *found;
  }
  return tokens;
}

int64_t ImageTokens::count(const TileGrid& grid) const {
  const int64_t separators = grid.tiles() > 1 ? grid.rows * grid.columns : 0;
  return 3 + grid.tiles() * tokens_per_tile_ + separators;
}

// image_start, the tiles of each row joined by one separator and closed by another, image and the last tile, image_end.
void ImageTokens::append(const TileGrid& grid, PromptWithPictures* prompt) const {
  std::vector<TokenId>& ids = prompt->ids;
  std::vector<int64_t> places;
  const auto tile = [&] {
    places.push_back(static_cast<int64_t>(ids.size()));
    ids.insert(ids.end(), static_cast<size_t>(tokens_per_tile_), patch_);
  };
  ids.push_back(start_);
  for (int64_t row = 0; grid.tiles() > 1 && row < grid.rows; ++row)
    for (int64_t column = 0; column < grid.columns; ++column) {
      tile();
      ids.push_back(column + 1 < grid.columns ? between_columns_ : after_row_);
    }
  ids.push_back(image_);
  tile();
  ids.push_back(end_);
  prompt->tile_tokens.push_back(std::move(places));
}

Result<PromptWithPictures> ImageTokens::expand(std::span<const TokenId> ids,
                                               std::span<const TileGrid> pictures) const {
  const auto placeholders = static_cast<size_t>(std::ranges::count(ids, image_));
  if (placeholders != pictures.size())
    return error(ErrorCode::kInvalidArgument,
                 "messages: expected the chat template to write one place for each of {} pictures, found {}; put "
                 "pictures into messages of the user, or use a template that knows them",
                 pictures.size(), placeholders);
  PromptWithPictures prompt;
  for (const TokenId id : ids)
    if (id == image_)
      append(pictures[prompt.tile_tokens.size()], &prompt);
    else
      prompt.ids.push_back(id);
  return prompt;
}

}  // namespace paddock::text
