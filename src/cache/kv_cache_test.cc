// SPDX-License-Identifier: Apache-2.0
#include "cache/kv_cache.h"

#include <gtest/gtest.h>

#include <map>
#include <numeric>
#include <random>
#include <set>

namespace paddock::cache {
namespace {

CacheShape shape(int64_t page_positions, int64_t chunk) {
  CacheShape shape;
  for (GroupShape& group : shape)
    group = {.layers = 1, .kv_heads = 1, .head_width = 8, .page_positions = page_positions, .chunk = 0};
  shape[kLocal].chunk = chunk;
  return shape;
}

TEST(GroupShape, CountsBytesAndPages) {
  const GroupShape global{
      .layers = 12, .kv_heads = 8, .head_width = 128, .page_positions = 64, .chunk = 0, .format = tensor::DType::kF16};
  // Scout: 48 KiB a token for the global layers.
  EXPECT_EQ(global.page_bytes(), 64u * 48 * 1024);
  // Four blocks a row, of 34 and of 20 bytes.
  for (const auto& [dtype, row] : {std::pair{tensor::DType::kF32, 512u},
                                   {tensor::DType::kF16, 256u},
                                   {tensor::DType::kBF16, 256u},
                                   {tensor::DType::kQ8_0, 4 * 34u},
                                   {tensor::DType::kQ4_1, 4 * 20u}}) {
    GroupShape other = global;
    other.format = dtype;
    EXPECT_EQ(other.page_bytes(), 12u * 2 * 8 * 64 * row) << tensor::name(dtype);
    other.head_width = 88;  // ends with a block of 24
    EXPECT_EQ(other.page_bytes(), 12u * 2 * 8 * 64 * tensor::kv_row_bytes(dtype, 88)) << tensor::name(dtype);
  }
  GroupShape mixed = global;
  mixed.format = {tensor::DType::kQ8_0, tensor::DType::kQ4_1};
  EXPECT_EQ(mixed.page_bytes(), 12u * 8 * 64 * (4 * 34 + 4 * 20));
  EXPECT_EQ(global.pages_needed(1, 512), 1);
  EXPECT_EQ(global.pages_needed(65, 512), 2);
  GroupShape local = global;
  local.chunk = 8192;
  EXPECT_EQ(local.pages_needed(64, 512), 1);
  EXPECT_EQ(local.pages_needed(10'485'760, 512), (8191 + 512 + 63) / 64 + 1);
}

TEST(SequenceCache, LocalLayersKeepTheChunkOfTheNextPosition) {
  KvCache cache(shape(4, 8), {100, 100}, 100);
  SequenceCache sequence = cache.begin();
  ASSERT_TRUE(sequence.extend(7));
  sequence.accept(7);
  EXPECT_EQ(sequence.table(kLocal).first_page, 0);
  EXPECT_EQ(sequence.table(kLocal).pages.size(), 2u);
  ASSERT_TRUE(sequence.extend(9));  // crosses the edge at 8: the old chunk stays until accepted
  EXPECT_EQ(sequence.table(kLocal).first_page, 0);
  EXPECT_EQ(sequence.table(kLocal).pages.size(), 3u);
  sequence.accept(8);  // at the edge nothing of the local layers is needed
  EXPECT_EQ(sequence.table(kLocal).first_page, 2);
  EXPECT_EQ(sequence.table(kLocal).pages.size(), 1u);
  EXPECT_EQ(sequence.table(kGlobal).pages.size(), 3u);
}

TEST(SequenceCache, RewindsWithinTheChunkAndToAnyEdge) {
  KvCache cache(shape(4, 8), {100, 100}, 100);
  SequenceCache sequence = cache.begin();
  ASSERT_TRUE(sequence.extend(21));
  sequence.accept(21);
  EXPECT_TRUE(sequence.can_rewind(17));
  EXPECT_FALSE(sequence.can_rewind(15));  // its chunk is gone
  EXPECT_TRUE(sequence.can_rewind(8));    // an edge needs no local state
  EXPECT_FALSE(sequence.can_rewind(22));
  sequence.rewind(8);
  EXPECT_EQ(sequence.length(), 8);
  ASSERT_TRUE(sequence.extend(10));
  EXPECT_EQ(sequence.table(kLocal).first_page + static_cast<int64_t>(sequence.table(kLocal).pages.size()), 3);
  EXPECT_LE(sequence.table(kLocal).first_page, 2);
}

TEST(KvCache, GivesBackPagesAndSaysWhenThereAreNone) {
  KvCache cache(shape(4, 8), {8, 8}, 4);
  EXPECT_TRUE(cache.could_ever_hold(32));
  EXPECT_FALSE(cache.could_ever_hold(33));
  {
    SequenceCache sequence = cache.begin(), other = cache.begin();
    ASSERT_TRUE(sequence.extend(4));
    EXPECT_TRUE(cache.can_extend(sequence, 32));
    EXPECT_FALSE(cache.can_extend(sequence, 33));
    EXPECT_TRUE(cache.can_extend(other, 28));
    EXPECT_FALSE(cache.can_extend(other, 29));
    SequenceCache moved = std::move(sequence);
    EXPECT_EQ(cache.pool(kGlobal).in_use(), 1);
    ASSERT_TRUE(other.extend(4));
    other.accept(4);
    for (int64_t length = 5; length <= 28; ++length) {
      ASSERT_TRUE(other.extend(length));
      other.accept(length);
    }
    EXPECT_FALSE(other.extend(29));
  }
  EXPECT_EQ(cache.pool(kGlobal).in_use(), 0);
  EXPECT_EQ(cache.pool(kLocal).in_use(), 0);
}

// The bytes of a cache as its user keeps them: which token of which text every position of every page holds.
class KeptTexts {
 public:
  explicit KeptTexts(int64_t page_positions) : page_positions_(page_positions) {}

  KvCache::CopyPage copier() {
    return [this](Group group, int32_t from, int32_t to) { pages_[{group, to}] = pages_[{group, from}]; };
  }
  // What a model would write: the position's key depends on all tokens up to it.
  void compute(const SequenceCache& sequence, std::span<const int32_t> tokens, int64_t first, int64_t end) {
    for (int64_t position = first; position < end; ++position)
      for (const Group group : kAllGroups) at(sequence, group, position) = hash_of(tokens, position);
  }
  // The text's pages of both groups, from the first on, as from a disk that has them all. How many were wanted.
  int64_t restore(KvCache& cache, std::span<const int32_t> tokens) {
    int64_t restored = 0;
    for (size_t first = 0; first < tokens.size(); first += static_cast<size_t>(page_positions_)) {
      const auto of_page = tokens.subspan(first, std::min(static_cast<size_t>(page_positions_), tokens.size() - first));
      for (const Group group : kAllGroups) {
        const auto page = cache.restore(group, tokens.first(first), of_page);
        if (!page) continue;
        ++restored;
        auto& held = pages_[{group, *page}];
        held.assign(static_cast<size_t>(page_positions_), 0);
        for (size_t index = 0; index < of_page.size(); ++index)
          held[index] = hash_of(tokens, static_cast<int64_t>(first + index));
      }
    }
    return restored;
  }
  // Everything that the next token will look at.
  bool is_right(const SequenceCache& sequence, std::span<const int32_t> tokens, int64_t length, int64_t chunk) {
    for (int64_t position = 0; position < length; ++position)
      for (const Group group : kAllGroups) {
        if (group == kLocal && position < length / chunk * chunk) continue;
        if (at(sequence, group, position) != hash_of(tokens, position)) return false;
      }
    return true;
  }

 private:
  static size_t hash_of(std::span<const int32_t> tokens, int64_t position) {
    size_t hash = 7;
    for (const int32_t token : tokens.first(static_cast<size_t>(position + 1)))
      hash = hash * 1099511628211u + static_cast<size_t>(token) + 1;
    return hash;
  }
  size_t& at(const SequenceCache& sequence, Group group, int64_t position) {
    const PageTable& table = sequence.table(group);
    const int64_t index = position / page_positions_ - table.first_page;
    EXPECT_TRUE(index >= 0 && index < static_cast<int64_t>(table.pages.size()))
        << "group " << group << " position " << position << " first " << table.first_page << " pages "
        << table.pages.size() << " length " << sequence.length();
    auto& page = pages_[{group, table.pages.at(static_cast<size_t>(index))}];
    page.resize(static_cast<size_t>(page_positions_));
    return page[static_cast<size_t>(position % page_positions_)];
  }

  int64_t page_positions_;
  std::map<std::pair<Group, int32_t>, std::vector<size_t>> pages_;
};

TEST(KvCache, ASecondSequenceBeginsWithWhatTheFirstComputed) {
  KeptTexts kept(4);
  KvCache cache(shape(4, 8), {20, 20}, 100, kept.copier());
  std::vector<int32_t> text(15);
  std::iota(text.begin(), text.end(), 1);
  {
    SequenceCache first = cache.begin(text);
    EXPECT_EQ(first.length(), 0);
    ASSERT_TRUE(first.extend(15));
    kept.compute(first, text, 0, 15);
    cache.remember(first, text);
    first.accept(15);
    SequenceCache beside = cache.begin(text);
    EXPECT_EQ(beside.length(), 12) << "whole pages of a sequence that still runs";
    EXPECT_EQ(beside.table(kGlobal).pages[0], first.table(kGlobal).pages[0]);
    cache.remember(first, text, true);
  }
  EXPECT_EQ(cache.pool(kGlobal).idle(), 4);
  SequenceCache all = cache.begin(text);
  EXPECT_EQ(all.length(), 15) << "and what its last page held";
  EXPECT_TRUE(kept.is_right(all, text, 15, 8));
  EXPECT_EQ(all.table(kLocal).first_page, 2);
  std::vector<int32_t> other = text;
  other[10] = 99;
  SequenceCache part = cache.begin(other);
  EXPECT_EQ(part.length(), 10);
  EXPECT_TRUE(kept.is_right(part, other, 10, 8));
  other[0] = 99;
  EXPECT_EQ(cache.begin(other).length(), 0);
}

TEST(KvCache, BeginsWithPagesThatWereBroughtBack) {
  KeptTexts kept(4);
  KvCache cache(shape(4, 8), {6, 6}, 8, kept.copier());
  std::vector<int32_t> text(15);
  std::iota(text.begin(), text.end(), 1);
  const std::span<const int32_t> all(text);
  EXPECT_FALSE(cache.restore(kGlobal, all.first(4), all.subspan(4, 4))) << "of a text that is not known";
  EXPECT_FALSE(cache.restore(kLocal, {}, all.first(4))) << "without its global page";
  EXPECT_EQ(cache.prefixes().nodes(), 0);
  EXPECT_EQ(kept.restore(cache, text), 8);
  EXPECT_EQ(kept.restore(cache, text), 0) << "all is there";
  EXPECT_EQ(cache.pool(kGlobal).idle(), 4);
  {
    SequenceCache sequence = cache.begin(text);
    EXPECT_EQ(sequence.length(), 15);
    EXPECT_TRUE(kept.is_right(sequence, text, 15, 8));
    // Another text takes what is free, and of what is not held the rest; the beginning of this one stays.
    std::vector<int32_t> other(40, 9);
    kept.restore(cache, other);
    EXPECT_TRUE(kept.is_right(sequence, text, 15, 8));
    EXPECT_LE(cache.pool(kGlobal).in_use(), 6);
  }
  EXPECT_EQ(cache.pool(kGlobal).idle(), cache.pool(kGlobal).in_use());
}

// A chunk's local pages are the first to go when others need them; at the chunk's edge nothing of them is missed.
TEST(KvCache, AtAChunksEdgeGlobalPagesAreEnough) {
  KeptTexts kept(4);
  KvCache cache(shape(4, 8), {40, 5}, 8, kept.copier());
  std::vector<int32_t> text(31);
  std::iota(text.begin(), text.end(), 1);
  SequenceCache first = cache.begin(text);
  for (int64_t length = 0; length < 31;) {
    const int64_t end = std::min<int64_t>(length + 5, 31);
    ASSERT_TRUE(first.extend(end));
    kept.compute(first, text, length, end);
    cache.remember(first, std::span(text).first(static_cast<size_t>(end)));
    first.accept(end);
    length = end;
  }
  EXPECT_EQ(cache.begin(std::span(text).first(8)).length(), 8);
  EXPECT_EQ(cache.begin(std::span(text).first(15)).length(), 8) << "its local pages are gone";
  EXPECT_EQ(cache.begin(text).length(), 28);
}

// Thousands of random moves of sequences whose texts share beginnings: what a sequence begins with is what it would
// have computed, no page is written by one and read by another, every page is accounted for.
TEST(KvCache, RandomMovesKeepItsPromises) {
  std::mt19937 random(7);
  for (const int64_t chunk : {6, 8, 24}) {
    KeptTexts kept(4);
    KvCache cache(shape(4, chunk), {60, 40}, 10, kept.copier());
    struct Running {
      std::vector<int32_t> text;
      SequenceCache cache;
      int64_t computed;
    };
    std::vector<Running> sequences;
    int64_t reused = 0, refused = 0, restored = 0;
    std::vector<std::vector<int32_t>> gone;
    for (int move = 0; move < 4000; ++move) {
      const size_t which = sequences.empty() ? 0 : random() % sequences.size();
      switch (random() % 5) {
        case 0: {
          if (sequences.size() > 8) break;
          std::vector<int32_t> text(1 + random() % 80);
          for (int32_t& token : text) token = random() % 40 == 0 ? 1 : 0;  // long beginnings in common
          SequenceCache begun = cache.begin(text);
          const int64_t length = begun.length();
          reused += length;
          ASSERT_TRUE(kept.is_right(begun, text, length, chunk));
          sequences.push_back({std::move(text), std::move(begun), length});
          break;
        }
        case 1:
          if (sequences.empty() || random() % 3 != 0) break;
          if (random() % 2 == 0)
            cache.remember(sequences[which].cache,
                           std::span(sequences[which].text).first(static_cast<size_t>(sequences[which].computed)),
                           true);
          gone.push_back(sequences[which].text);
          std::swap(sequences[which], sequences.back());
          sequences.pop_back();
          break;
        case 2:
          if (!gone.empty() && random() % 4 == 0) restored += kept.restore(cache, gone[random() % gone.size()]);
          break;
        default: {
          if (sequences.empty()) break;
          Running& one = sequences[which];
          const int64_t end =
              std::min(static_cast<int64_t>(one.text.size()), one.computed + 1 + static_cast<int64_t>(random() % 10));
          if (!one.cache.extend(end)) {
            ++refused;
            break;
          }
          kept.compute(one.cache, one.text, one.computed, end);
          one.computed = end;
          cache.remember(one.cache, std::span(one.text).first(static_cast<size_t>(end)));
          one.cache.accept(end);
        }
      }
      for (const Running& one : sequences) ASSERT_TRUE(kept.is_right(one.cache, one.text, one.computed, chunk));
      for (const Group group : kAllGroups) {
        std::set<int32_t> pages;
        for (const Running& one : sequences)
          pages.insert(one.cache.table(group).pages.begin(), one.cache.table(group).pages.end());
        ASSERT_EQ(cache.pool(group).in_use() - cache.pool(group).idle(), static_cast<int32_t>(pages.size()));
      }
    }
    EXPECT_GT(reused, 1000);
    EXPECT_GT(refused, 0);
    EXPECT_GT(restored, 100);
    EXPECT_GT(cache.prefixes().evictions(), 10u);
    sequences.clear();
    EXPECT_EQ(cache.pool(kGlobal).idle(), cache.pool(kGlobal).in_use());
    EXPECT_LE(cache.prefixes().nodes(), 60);
  }
}

}  // namespace
}  // namespace paddock::cache
