// SPDX-License-Identifier: Apache-2.0
#include "grammar/vocabulary.h"

#include <algorithm>

#include "grammar/mask_cache.h"

namespace paddock::grammar {

MaskVocabulary::MaskVocabulary(std::span<const std::string_view> bytes, std::span<const TokenId> stop,
                               const Options& options)
    : stop_(stop.begin(), stop.end()), cache_(std::make_unique<MaskCache>(options.cache_bytes)) {
  std::sort(stop_.begin(), stop_.end());
  std::erase_if(stop_, [&](TokenId id) { return id < 0 || static_cast<size_t>(id) >= bytes.size(); });
  offsets_.push_back(0);
  for (const std::string_view token : bytes) {
    arena_ += token;
    offsets_.push_back(static_cast<uint32_t>(arena_.size()));
  }
  std::vector<std::pair<std::string_view, int32_t>> items;
  for (TokenId id = 0; id < size(); ++id)
    if (!is_stop(id)) items.emplace_back(this->bytes(id), id);
  trie_ = ByteTrie(std::move(items));
}

MaskVocabulary::~MaskVocabulary() = default;

bool MaskVocabulary::is_stop(TokenId token) const { return std::binary_search(stop_.begin(), stop_.end(), token); }

}  // namespace paddock::grammar
