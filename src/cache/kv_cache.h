// SPDX-License-Identifier: Apache-2.0
#pragma once
// Keys and values of many sequences in pages. Layers fall into two groups: global layers keep every position, local
// layers only the chunk that the next position lies in (and what has not been accepted yet).

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "cache/groups.h"
#include "cache/page_pool.h"
#include "cache/prefix_tree.h"
#include "tensor/kv_row.h"

namespace paddock::cache {

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

  // The first page that local layers look at when the next position is `length`.
  int64_t first_visible_page(int64_t length) const { return length / chunk * chunk / page_positions; }
};

using CacheShape = std::array<GroupShape, kGroups>;

// The pages of one sequence in one group: position p lies in pages[p / page_positions - first_page].
struct PageTable {
  std::vector<int32_t> pages;
  int64_t first_page = 0;
};

class KvCache;

// One sequence's part of the cache; gives its pages back when destroyed. Movable. Outlived by its KvCache.
class SequenceCache {
 public:
  SequenceCache(SequenceCache&& other) noexcept;
  SequenceCache& operator=(SequenceCache&& other) noexcept;
  ~SequenceCache();

  int64_t length() const { return length_; }
  const PageTable& table(Group group) const { return tables_[group]; }

  // Makes room for positions [0, length). At most the cache's step beyond what was accepted. False, and nothing changed
  // that matters, when the pools have no page left that could be given up.
  [[nodiscard]] bool extend(int64_t length);

  // Positions [0, length) will not be taken back: local layers give up the chunks before the one that `length` lies in.
  void accept(int64_t length);

  // Forgets positions from `length` on. Possible while local layers still hold the chunk that `length` lies in.
  bool can_rewind(int64_t length) const;
  void rewind(int64_t length);

 private:
  friend class KvCache;
  explicit SequenceCache(KvCache* cache) : cache_(cache) {}

  KvCache* cache_;
  Variant variant_ = kNoVariant;
  int64_t length_ = 0;  // positions that have room
  std::array<PageTable, kGroups> tables_;
  // The node of the last whole page that the cache remembers, and how many such pages there are. The sequence holds
  // their pages, so that they stay.
  PrefixTree::Node* remembered_ = nullptr;
  int64_t remembered_pages_ = 0;
};

// The pools of both groups, and what they remember of sequences that have gone. Used by one thread, which owns model
// and cache.
class KvCache {
 public:
  // Copies the bytes of a page onto another.
  using CopyPage = std::function<void(Group group, int32_t from, int32_t to)>;

  // `step`: the most positions that one step adds to one sequence. Without `copy_page` sequences share whole pages
  // only.
  KvCache(const CacheShape& shape, std::array<int64_t, kGroups> capacity_pages, int64_t step, CopyPage copy_page = {});
  KvCache(const KvCache&) = delete;

  const CacheShape& shape() const { return shape_; }
  const PagePool& pool(Group group) const { return pools_[group]; }
  const PrefixTree& prefixes() const { return prefixes_; }

  // Whether a sequence of up to `length` positions could ever be held, and whether this one can be brought to it beside
  // what the others hold now.
  bool could_ever_hold(int64_t length) const;
  bool can_extend(const SequenceCache& sequence, int64_t length) const;

  SequenceCache begin() { return SequenceCache(this); }
  // A sequence that has the longest beginning of `tokens` that the cache remembers: its length() tells how long.
  SequenceCache begin(std::span<const int32_t> tokens, const Variant& variant = kNoVariant);

  // Remembers the whole pages of a sequence whose first positions hold `tokens`; before they are accepted, so that
  // local layers still have theirs. With `last`, when the sequence goes, the page that is not full too.
  void remember(SequenceCache& sequence, std::span<const int32_t> tokens, bool last = false);

  // What is remembered of a text.
  PrefixTree::Match remembered(std::span<const int32_t> tokens, const Variant& variant = kNoVariant) {
    return prefixes_.match(tokens, variant);
  }

  // How much of the first `length` positions a sequence can begin with, when the global layers have them all: local
  // layers need the pages of the chunk that the next position lies in, or none at its edge.
  int64_t usable_length(int64_t length, const std::function<bool(int64_t page)>& has_local) const;

  // A page that a text of whole pages `before`, which is remembered, goes on with: remembered from now on, and filled
  // by the caller before anything else. The global layers' page comes first. None when it is there already, when
  // nothing is known of the text before it any more, or when all pages are in use.
  std::optional<int32_t> restore(Group group, std::span<const int32_t> before, std::span<const int32_t> tokens,
                                 const Variant& variant = kNoVariant);

 private:
  friend class SequenceCache;
  int64_t pages_needed(Group group, int64_t length) const { return shape_[group].pages_needed(length, step_); }
  bool shares() const { return shape_[kGlobal].layers > 0; }
  std::optional<int32_t> allocate(Group group);
  int64_t usable_length(const PrefixTree::Match& match) const;
  bool copy_part(SequenceCache& sequence, const PrefixTree::Node& node);
  void join(SequenceCache& sequence, PrefixTree::Node* node, int64_t page);

  CacheShape shape_;
  int64_t step_;
  CopyPage copy_page_;
  std::vector<PagePool> pools_;
  PrefixTree prefixes_;
};

}  // namespace paddock::cache
