// SPDX-License-Identifier: Apache-2.0
#include "cache/page_index.h"

#include <algorithm>

#include "base/check.h"
#include "cache/prefix_tree.h"

namespace paddock::cache {

std::optional<PageIndex::Found> PageIndex::find(const Digest& before, std::span<const int32_t> tokens) const {
  const auto texts = texts_.find(before);
  if (texts == texts_.end()) return {};
  // In the order of texts, the one that shares most stands beside where these tokens would stand.
  const auto after = texts->second.lower_bound(std::vector<int32_t>(tokens.begin(), tokens.end()));
  std::optional<Found> best;
  const auto consider = [&](const auto& text) {
    const int64_t shared = shared_tokens(text.first, tokens);
    if (shared <= (best ? best->shared : 0)) return;
    best = {text.first, shared, {}};
    for (const Group group : kAllGroups) best->stored[group] = text.second[group].has_value();
  };
  if (after != texts->second.end()) consider(*after);
  if (after != texts->second.begin()) consider(*std::prev(after));
  return best;
}

const PageIndex::File* PageIndex::file_of(const PageName& page) const {
  const auto texts = texts_.find(page.before);
  if (texts == texts_.end()) return nullptr;
  const auto text = texts->second.find(page.tokens);
  return text == texts->second.end() || !text->second[page.group] ? nullptr : &*text->second[page.group];
}

void PageIndex::add(const PageName& page, uint64_t bytes, int64_t moment) {
  std::optional<File>& file = texts_[page.before][page.tokens][page.group];
  CHECK(!file);
  file = {bytes, least_recent_.emplace(moment, page)};
  bytes_ += bytes;
}

void PageIndex::remove(const PageName& page) {
  const auto texts = texts_.find(page.before);
  const auto text = texts->second.find(page.tokens);
  std::optional<File>& file = text->second[page.group];
  bytes_ -= file->bytes;
  least_recent_.erase(file->place);
  file.reset();
  if (std::any_of(text->second.begin(), text->second.end(), [](const auto& other) { return other.has_value(); }))
    return;
  texts->second.erase(text);
  if (texts->second.empty()) texts_.erase(texts);
}

void PageIndex::use(const PageName& page, int64_t moment) {
  const File* file = file_of(page);
  if (file == nullptr) return;
  const uint64_t bytes = file->bytes;
  const PageName copy = page;  // it may lie where it is taken from
  remove(copy);
  add(copy, bytes, moment);
}

std::optional<PageName> PageIndex::least_recent() const {
  return least_recent_.empty() ? std::nullopt : std::optional(least_recent_.begin()->second);
}

std::vector<PageName> PageIndex::continued_by(const Digest& before, std::span<const int32_t> tokens) const {
  std::vector<PageName> pages;
  const auto texts = texts_.find(before);
  if (texts == texts_.end()) return pages;
  for (auto place = texts->second.lower_bound(std::vector<int32_t>(tokens.begin(), tokens.end()));
       place != texts->second.begin();) {
    --place;
    const std::vector<int32_t>& text = place->first;
    if (shared_tokens(text, tokens) < static_cast<int64_t>(text.size())) break;
    for (const Group group : kAllGroups)
      if (place->second[group]) pages.push_back({before, text, group});
  }
  return pages;
}

}  // namespace paddock::cache
