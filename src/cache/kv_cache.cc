// SPDX-License-Identifier: Apache-2.0
#include "cache/kv_cache.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace paddock::cache {
namespace {

int64_t pages_for(int64_t positions, int64_t page_positions) {
  return (positions + page_positions - 1) / page_positions;
}

std::vector<PagePool> pools_of(const std::array<int64_t, kGroups>& capacity_pages) {
  std::vector<PagePool> pools;
  for (const int64_t pages : capacity_pages) {
    CHECK(pages >= 0 && pages <= INT32_MAX);
    pools.emplace_back(static_cast<int32_t>(pages));
  }
  return pools;
}

}  // namespace

int64_t GroupShape::pages_needed(int64_t length, int64_t step) const {
  if (layers == 0) return 0;
  const int64_t whole = pages_for(length, page_positions);
  if (chunk == 0) return whole;
  // At most a chunk that is full but for one position, and a step; the first page may begin before the chunk.
  return std::min(whole, pages_for(chunk - 1 + step, page_positions) + 1);
}

SequenceCache::SequenceCache(SequenceCache&& other) noexcept
    : cache_(std::exchange(other.cache_, nullptr)),
      variant_(other.variant_),
      length_(other.length_),
      tables_(std::move(other.tables_)),
      remembered_(other.remembered_),
      remembered_pages_(other.remembered_pages_) {}

SequenceCache& SequenceCache::operator=(SequenceCache&& other) noexcept {
  std::swap(cache_, other.cache_);
  std::swap(variant_, other.variant_);
  std::swap(length_, other.length_);
  std::swap(tables_, other.tables_);
  std::swap(remembered_, other.remembered_);
  std::swap(remembered_pages_, other.remembered_pages_);
  return *this;
}

SequenceCache::~SequenceCache() {
  if (cache_ == nullptr) return;
  for (const Group group : kAllGroups)
    for (const int32_t page : tables_[group].pages) cache_->pools_[group].release(page);
}

bool SequenceCache::extend(int64_t length) {
  for (const Group group : kAllGroups) {
    const GroupShape& shape = cache_->shape_[group];
    if (shape.layers == 0) continue;
    PageTable& table = tables_[group];
    const int64_t needed = pages_for(length, shape.page_positions) - table.first_page;
    while (static_cast<int64_t>(table.pages.size()) < needed) {
      const std::optional<int32_t> page = cache_->allocate(group);
      if (!page) return false;  // pages that were got are used when it is tried again
      table.pages.push_back(*page);
    }
  }
  length_ = std::max(length_, length);
  return true;
}

void SequenceCache::accept(int64_t length) {
  CHECK(length <= length_);
  const GroupShape& shape = cache_->shape_[kLocal];
  if (shape.layers == 0) return;
  PageTable& table = tables_[kLocal];
  const int64_t given_up =
      std::min(shape.first_visible_page(length) - table.first_page, static_cast<int64_t>(table.pages.size()));
  if (given_up <= 0) return;
  for (int64_t index = 0; index < given_up; ++index)
    cache_->pools_[kLocal].release(table.pages[static_cast<size_t>(index)]);
  table.pages.erase(table.pages.begin(), table.pages.begin() + given_up);
  table.first_page += given_up;
}

bool SequenceCache::can_rewind(int64_t length) const {
  const GroupShape& shape = cache_->shape_[kLocal];
  if (length < 0 || length > length_) return false;
  if (shape.layers == 0) return true;
  // At a chunk's first position local layers need nothing at all.
  if (length % shape.chunk == 0) return true;
  return shape.first_visible_page(length) >= tables_[kLocal].first_page;
}

void SequenceCache::rewind(int64_t length) {
  // Pages that others may share are not written again.
  CHECK(can_rewind(length) && length >= remembered_pages_ * cache_->shape_[kGlobal].page_positions);
  for (const Group group : kAllGroups) {
    const GroupShape& shape = cache_->shape_[group];
    if (shape.layers == 0) continue;
    PageTable& table = tables_[group];
    const int64_t kept_end = pages_for(length, shape.page_positions);
    while (!table.pages.empty() && table.first_page + static_cast<int64_t>(table.pages.size()) > kept_end) {
      cache_->pools_[group].release(table.pages.back());
      table.pages.pop_back();
    }
    if (table.pages.empty()) table.first_page = std::min(table.first_page, length / shape.page_positions);
  }
  length_ = length;
}

KvCache::KvCache(const CacheShape& shape, std::array<int64_t, kGroups> capacity_pages, int64_t step, CopyPage copy_page)
    : shape_(shape),
      step_(step),
      copy_page_(std::move(copy_page)),
      pools_(pools_of(capacity_pages)),
      prefixes_(shape[kGlobal].page_positions, pools_) {
  CHECK(shape[kGlobal].page_positions == shape[kLocal].page_positions);
}

bool KvCache::could_ever_hold(int64_t length) const {
  return std::all_of(kAllGroups.begin(), kAllGroups.end(),
                     [&](Group group) { return pages_needed(group, length) <= pools_[group].capacity(); });
}

bool KvCache::can_extend(const SequenceCache& sequence, int64_t length) const {
  return std::all_of(kAllGroups.begin(), kAllGroups.end(), [&](Group group) {
    const auto held = static_cast<int64_t>(sequence.table(group).pages.size());
    return pages_needed(group, length) - held <= pools_[group].available();
  });
}

std::optional<int32_t> KvCache::allocate(Group group) {
  const std::optional<int32_t> page = pools_[group].allocate();
  if (page || !prefixes_.evict(group)) return page;
  return pools_[group].allocate();
}

int64_t KvCache::usable_length(int64_t length, const std::function<bool(int64_t page)>& has_local) const {
  const int64_t positions = shape_[kGlobal].page_positions;
  if (!copy_page_) length = length / positions * positions;
  if (shape_[kLocal].layers == 0) return length;
  const auto missing = [&](int64_t until) -> std::optional<int64_t> {
    for (int64_t page = shape_[kLocal].first_visible_page(until); page * positions < until; ++page)
      if (!has_local(page)) return page;
    return {};
  };
  // Where chunks do not end with pages, the text before a missing page may lie in the chunk before.
  while (const std::optional<int64_t> page = missing(length)) length = *page * positions;
  return length;
}

int64_t KvCache::usable_length(const PrefixTree::Match& match) const {
  const auto nodes = static_cast<int64_t>(match.nodes.size());
  const int64_t length = nodes == 0 ? 0 : (nodes - 1) * shape_[kGlobal].page_positions + match.tokens_of_last;
  return usable_length(length, [&](int64_t page) {
    return match.nodes[static_cast<size_t>(page)]->pages[kLocal] != PrefixTree::kNoPage;
  });
}

SequenceCache KvCache::begin(std::span<const int32_t> tokens, const Variant& variant) {
  SequenceCache sequence(this);
  sequence.variant_ = variant;
  if (!shares() || tokens.empty()) return sequence;
  const PrefixTree::Match match = prefixes_.match(tokens, variant);
  const int64_t positions = shape_[kGlobal].page_positions, length = usable_length(match);
  const int64_t whole = length / positions;
  const int64_t first_local = shape_[kLocal].layers == 0 ? 0 : shape_[kLocal].first_visible_page(length);
  sequence.tables_[kLocal].first_page = first_local;
  for (int64_t page = 0; page < whole; ++page) {
    PrefixTree::Node* node = match.nodes[static_cast<size_t>(page)];
    for (const Group group : kAllGroups) {
      if (node->pages[group] == PrefixTree::kNoPage || (group == kLocal && page < first_local)) continue;
      pools_[group].hold(node->pages[group]);
      sequence.tables_[group].pages.push_back(node->pages[group]);
      prefixes_.touch(node, group);
    }
    sequence.remembered_ = node;
  }
  sequence.remembered_pages_ = whole;
  sequence.length_ = whole * positions;
  if (length > sequence.length_ && copy_part(sequence, *match.nodes[static_cast<size_t>(whole)]))
    sequence.length_ = length;
  return sequence;
}

// Pages of its own with what the node's pages hold; the sequence will write behind it.
bool KvCache::copy_part(SequenceCache& sequence, const PrefixTree::Node& node) {
  const std::array<int32_t, kGroups> from = node.pages;
  for (const Group group : kAllGroups)
    if (from[group] != PrefixTree::kNoPage) pools_[group].hold(from[group]);  // not given up for the copy
  bool copied = true;
  for (const Group group : kAllGroups) {
    if (shape_[group].layers == 0 || !copied) continue;
    const std::optional<int32_t> page = allocate(group);
    copied = page.has_value();
    if (!page) break;
    copy_page_(group, from[group], *page);
    sequence.tables_[group].pages.push_back(*page);
  }
  for (const Group group : kAllGroups)
    if (from[group] != PrefixTree::kNoPage) pools_[group].release(from[group]);
  return copied;  // otherwise room that one group has got is used when the sequence grows
}

void KvCache::remember(SequenceCache& sequence, std::span<const int32_t> tokens, bool last) {
  if (!shares()) return;
  const int64_t positions = shape_[kGlobal].page_positions;
  const auto count = std::min(static_cast<int64_t>(tokens.size()), sequence.length_);
  for (int64_t page = sequence.remembered_pages_; page * positions < count; ++page) {
    const int64_t of_page = std::min(positions, count - page * positions);
    if (of_page < positions && !last) return;
    PrefixTree::Node* parent =
        sequence.remembered_ == nullptr ? prefixes_.root(sequence.variant_) : sequence.remembered_;
    join(sequence,
         prefixes_.node_after(parent,
                              tokens.subspan(static_cast<size_t>(page * positions), static_cast<size_t>(of_page))),
         page);
    if (of_page < positions) return;
  }
}

// The node gets the sequence's pages, or the sequence the node's: they hold the same.
void KvCache::join(SequenceCache& sequence, PrefixTree::Node* node, int64_t page) {
  for (const Group group : kAllGroups) {
    PageTable& table = sequence.tables_[group];
    const int64_t index = page - table.first_page;
    if (shape_[group].layers == 0 || index < 0 || index >= static_cast<int64_t>(table.pages.size())) continue;
    int32_t& mine = table.pages[static_cast<size_t>(index)];
    if (node->pages[group] == PrefixTree::kNoPage) {
      prefixes_.put(node, group, mine);
    } else {
      pools_[group].hold(node->pages[group]);
      pools_[group].release(mine);
      mine = node->pages[group];
      prefixes_.touch(node, group);
    }
  }
  if (static_cast<int64_t>(node->tokens.size()) < shape_[kGlobal].page_positions) return;
  sequence.remembered_ = node;
  sequence.remembered_pages_ = page + 1;
}

std::optional<int32_t> KvCache::restore(Group group, std::span<const int32_t> before, std::span<const int32_t> tokens,
                                        const Variant& variant) {
  const auto positions = static_cast<size_t>(shape_[kGlobal].page_positions);
  CHECK(before.size() % positions == 0 && !tokens.empty() && tokens.size() <= positions);
  std::vector<int32_t> text(before.begin(), before.end());
  text.insert(text.end(), tokens.begin(), tokens.end());
  const PrefixTree::Match match = prefixes_.match(text, variant);
  const size_t pages_before = before.size() / positions;
  const bool is_last_whole = static_cast<size_t>(match.tokens_of_last) == positions;
  if (match.nodes.size() < pages_before || (match.nodes.size() == pages_before && pages_before > 0 && !is_last_whole))
    return {};
  PrefixTree::Node* parent = pages_before == 0 ? prefixes_.root(variant) : match.nodes[pages_before - 1];
  PrefixTree::Node* node = match.nodes.size() > pages_before ? match.nodes[pages_before] : nullptr;
  if (node != nullptr && !std::ranges::equal(node->tokens, tokens)) node = nullptr;
  if (node == nullptr ? group == kLocal : node->pages[group] != PrefixTree::kNoPage) return {};

  const int32_t page_before = parent->pages[kGlobal];
  if (page_before != PrefixTree::kNoPage) pools_[kGlobal].hold(page_before);  // not given up for this one
  const std::optional<int32_t> page = allocate(group);
  if (page_before != PrefixTree::kNoPage) pools_[kGlobal].release(page_before);
  if (!page) return {};
  prefixes_.put(node != nullptr ? node : prefixes_.node_after(parent, tokens), group, *page);
  pools_[group].release(*page);
  return page;
}

}  // namespace paddock::cache
