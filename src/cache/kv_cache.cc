// SPDX-License-Identifier: Apache-2.0
#include "cache/kv_cache.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace paddock::cache {
namespace {

constexpr std::array kAllGroups = {kGlobal, kLocal};

int64_t pages_for(int64_t positions, int64_t page_positions) {
  return (positions + page_positions - 1) / page_positions;
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
      max_length_(other.max_length_),
      length_(other.length_),
      tables_(std::move(other.tables_)) {}

SequenceCache& SequenceCache::operator=(SequenceCache&& other) noexcept {
  std::swap(cache_, other.cache_);
  std::swap(max_length_, other.max_length_);
  std::swap(length_, other.length_);
  std::swap(tables_, other.tables_);
  return *this;
}

SequenceCache::~SequenceCache() {
  if (cache_ == nullptr) return;
  for (const Group group : kAllGroups) {
    PagePool& pool = cache_->pools_[group];
    for (const int32_t page : tables_[group].pages) pool.release(page);
    pool.unreserve(cache_->pages_needed(group, max_length_));
  }
}

void SequenceCache::extend(int64_t length) {
  CHECK(length <= max_length_);
  for (const Group group : kAllGroups) {
    const GroupShape& shape = cache_->shape_[group];
    if (shape.layers == 0) continue;
    PageTable& table = tables_[group];
    const int64_t needed = pages_for(length, shape.page_positions) - table.first_page;
    while (static_cast<int64_t>(table.pages.size()) < needed) table.pages.push_back(cache_->pools_[group].allocate());
  }
  length_ = std::max(length_, length);
}

void SequenceCache::accept(int64_t length) {
  CHECK(length <= length_);
  const GroupShape& shape = cache_->shape_[kLocal];
  if (shape.layers == 0) return;
  PageTable& table = tables_[kLocal];
  const int64_t chunk_start = length / shape.chunk * shape.chunk;
  const int64_t first_kept = chunk_start / shape.page_positions;
  const int64_t given_up = std::min<int64_t>(first_kept - table.first_page, static_cast<int64_t>(table.pages.size()));
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
  return length / shape.chunk * shape.chunk / shape.page_positions >= tables_[kLocal].first_page;
}

void SequenceCache::rewind(int64_t length) {
  CHECK(can_rewind(length));
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

KvCache::KvCache(const CacheShape& shape, std::array<int64_t, kGroups> capacity_pages, int64_t step)
    : shape_(shape), step_(step) {
  for (const Group group : kAllGroups) {
    CHECK(capacity_pages[group] >= 0 && capacity_pages[group] <= INT32_MAX);
    pools_.emplace_back(static_cast<int32_t>(capacity_pages[group]));
  }
}

bool KvCache::could_ever_admit(int64_t max_length) const {
  return std::all_of(kAllGroups.begin(), kAllGroups.end(),
                     [&](Group group) { return pages_needed(group, max_length) <= pools_[group].capacity(); });
}

bool KvCache::can_admit(int64_t max_length) const {
  return std::all_of(kAllGroups.begin(), kAllGroups.end(),
                     [&](Group group) { return pools_[group].can_reserve(pages_needed(group, max_length)); });
}

SequenceCache KvCache::admit(int64_t max_length) {
  for (const Group group : kAllGroups) pools_[group].reserve(pages_needed(group, max_length));
  return SequenceCache(this, max_length);
}

}  // namespace paddock::cache
