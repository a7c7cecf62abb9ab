// SPDX-License-Identifier: Apache-2.0
#pragma once
// Keys and values of many sequences in pages. Layers fall into two groups: global layers keep every position, local
// layers only the chunk that the next position lies in (and what has not been accepted yet).

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "cache/page_pool.h"
#include "tensor/kv_row.h"

namespace paddock::cache {

enum Group : size_t { kGlobal, kLocal, kGroups };

// How the layers of one group are stored: page -> layer -> K[G][P][H], V[G][P][H].
struct GroupShape {
  int64_t layers = 0;  // 0: the model has no such layers
  int64_t kv_heads = 0;
  int64_t head_width = 0;
  int64_t page_positions = 64;
  int64_t chunk = 0;  // positions of a chunk; 0 in the global group
  tensor::KvFormat format = tensor::DType::kF16;

  size_t position_bytes() const { return static_cast<size_t>(kv_heads) * format.position_bytes(head_width); }
  size_t layer_bytes() const { return static_cast<size_t>(page_positions) * position_bytes(); }
  size_t page_bytes() const { return static_cast<size_t>(layers) * layer_bytes(); }

  // The most pages that one sequence of up to `length` positions can hold at once, when a step adds at most `step`
  // positions.
  int64_t pages_needed(int64_t length, int64_t step) const;
};

using CacheShape = std::array<GroupShape, kGroups>;

// The pages of one sequence in one group: position p lies in pages[p / page_positions - first_page].
struct PageTable {
  std::vector<int32_t> pages;
  int64_t first_page = 0;
};

class KvCache;

// One sequence's part of the cache; gives its pages and its reservation back when destroyed. Movable. Outlived by its
// KvCache.
class SequenceCache {
 public:
  SequenceCache(SequenceCache&& other) noexcept;
  SequenceCache& operator=(SequenceCache&& other) noexcept;
  ~SequenceCache();

  int64_t max_length() const { return max_length_; }
  int64_t length() const { return length_; }
  const PageTable& table(Group group) const { return tables_[group]; }

  // Makes room for positions [0, length). At most max_length, and at most the cache's step beyond what was accepted.
  void extend(int64_t length);

  // Positions [0, length) will not be taken back: local layers give up the chunks before the one that `length` lies in.
  void accept(int64_t length);

  // Forgets positions from `length` on. Possible while local layers still hold the chunk that `length` lies in.
  bool can_rewind(int64_t length) const;
  void rewind(int64_t length);

 private:
  friend class KvCache;
  SequenceCache(KvCache* cache, int64_t max_length) : cache_(cache), max_length_(max_length) {}

  KvCache* cache_;
  int64_t max_length_;
  int64_t length_ = 0;  // positions that have room
  std::array<PageTable, kGroups> tables_;
};

// The pools of both groups. Used by one thread, which owns model and cache.
class KvCache {
 public:
  // `step`: the most positions that one step adds to one sequence.
  KvCache(const CacheShape& shape, std::array<int64_t, kGroups> capacity_pages, int64_t step);

  const CacheShape& shape() const { return shape_; }
  const PagePool& pool(Group group) const { return pools_[group]; }

  // Whether a sequence of up to max_length positions could ever be held, and whether it can be admitted now.
  bool could_ever_admit(int64_t max_length) const;
  bool can_admit(int64_t max_length) const;
  SequenceCache admit(int64_t max_length);

 private:
  friend class SequenceCache;
  int64_t pages_needed(Group group, int64_t max_length) const { return shape_[group].pages_needed(max_length, step_); }

  CacheShape shape_;
  int64_t step_;
  std::vector<PagePool> pools_;
};

}  // namespace paddock::cache
