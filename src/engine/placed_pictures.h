// SPDX-License-Identifier: Apache-2.0
#pragma once
// The pictures of one sequence: which of its positions they fill, and with what.

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "engine/picture.h"
#include "engine/picture_store.h"
#include "llama4/forward.h"

namespace paddock::engine {

class PlacedPictures {
 public:
  PlacedPictures() = default;
  // Puts marks (PictureStore::mark_of) where the pictures' tokens are, so that a text with another picture is another
  // text. The pictures have been checked.
  PlacedPictures(std::vector<Picture> pictures, PictureStore* store, std::span<int32_t> tokens);

  // Whether the tiles have places in a prompt of so many tokens, and a store could hold them.
  static Result<void> check(std::span<const Picture> pictures, int64_t prompt_tokens, const PictureStore* store);

  bool empty() const { return pictures_.empty(); }
  size_t size() const { return pictures_.size(); }
  int64_t first_position() const { return first_; }  // of a picture; of nothing where there is none: no position
  // Pictures that lie before `position` as a whole.
  int64_t whole_before(int64_t position) const;

  // Holds the embeddings of what is still to be computed from `position` on. False as long as they are not all there.
  bool hold(int64_t position, PictureStore* store);
  // What was held is needed no more before `position`.
  void release(int64_t position);

  // The ids that the model gets for `tokens`, which begin at `first`: a mark becomes an id that has an embedding.
  // Adds what stands there in its place, for rows of a step that begin at `row`.
  std::vector<int32_t> fill(std::span<const int32_t> tokens, int64_t first, int64_t row,
                            std::vector<llama4::GivenRows>* given) const;

 private:
  // Where the tokens of a picture end.
  int64_t end_of(const Picture& picture) const { return picture.tile_tokens.back() + tokens_per_tile_; }

  std::vector<Picture> pictures_;
  std::vector<Embeddings> embeddings_;
  int64_t tokens_per_tile_ = 0, width_ = 0;
  int64_t first_ = INT64_MAX;
};

}  // namespace paddock::engine
