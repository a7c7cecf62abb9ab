// SPDX-License-Identifier: Apache-2.0
#include "cache/kv_cache.h"

#include <gtest/gtest.h>

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
  SequenceCache sequence = cache.admit(64);
  sequence.extend(7);
  sequence.accept(7);
  EXPECT_EQ(sequence.table(kLocal).first_page, 0);
  EXPECT_EQ(sequence.table(kLocal).pages.size(), 2u);
  sequence.extend(9);  // crosses the edge at 8: the old chunk stays until accepted
  EXPECT_EQ(sequence.table(kLocal).first_page, 0);
  EXPECT_EQ(sequence.table(kLocal).pages.size(), 3u);
  sequence.accept(8);  // at the edge nothing of the local layers is needed
  EXPECT_EQ(sequence.table(kLocal).first_page, 2);
  EXPECT_EQ(sequence.table(kLocal).pages.size(), 1u);
  EXPECT_EQ(sequence.table(kGlobal).pages.size(), 3u);
}

TEST(SequenceCache, RewindsWithinTheChunkAndToAnyEdge) {
  KvCache cache(shape(4, 8), {100, 100}, 100);
  SequenceCache sequence = cache.admit(64);
  sequence.extend(21);
  sequence.accept(21);
  EXPECT_TRUE(sequence.can_rewind(17));
  EXPECT_FALSE(sequence.can_rewind(15));  // its chunk is gone
  EXPECT_TRUE(sequence.can_rewind(8));    // an edge needs no local state
  EXPECT_FALSE(sequence.can_rewind(22));
  sequence.rewind(8);
  EXPECT_EQ(sequence.length(), 8);
  sequence.extend(10);
  EXPECT_EQ(sequence.table(kLocal).first_page + static_cast<int64_t>(sequence.table(kLocal).pages.size()), 3);
  EXPECT_LE(sequence.table(kLocal).first_page, 2);
}

TEST(KvCache, GivesBackPagesAndReservations) {
  KvCache cache(shape(4, 8), {8, 8}, 4);
  EXPECT_TRUE(cache.can_admit(32));
  EXPECT_FALSE(cache.can_admit(33));
  EXPECT_FALSE(cache.could_ever_admit(33));
  {
    SequenceCache sequence = cache.admit(20);
    sequence.extend(4);
    EXPECT_TRUE(cache.can_admit(12));
    EXPECT_FALSE(cache.can_admit(13));
    SequenceCache moved = std::move(sequence);
    EXPECT_EQ(cache.pool(kGlobal).in_use(), 1);
  }
  EXPECT_EQ(cache.pool(kGlobal).in_use(), 0);
  EXPECT_EQ(cache.pool(kGlobal).reserved(), 0);
  EXPECT_TRUE(cache.can_admit(32));
}

// A thousand random moves: no page belongs to two sequences, the reservation always suffices, every visible position
// has a page.
TEST(KvCache, RandomMovesKeepItsPromises) {
  std::mt19937 random(7);
  for (const int64_t chunk : {6, 8, 24}) {
    KvCache cache(shape(4, chunk), {60, 60}, 10);
    std::vector<SequenceCache> sequences;
    std::vector<int64_t> computed;
    for (int move = 0; move < 1000; ++move) {
      const size_t which = sequences.empty() ? 0 : random() % sequences.size();
      const int64_t length = 1 + static_cast<int64_t>(random() % 80);
      switch (random() % 4) {
        case 0:
          if (cache.can_admit(length)) sequences.push_back(cache.admit(length)), computed.push_back(0);
          break;
        case 1:
          if (!sequences.empty() && random() % 3 == 0) {
            std::swap(sequences[which], sequences.back());
            std::swap(computed[which], computed.back());
            sequences.pop_back();
            computed.pop_back();
          }
          break;
        case 2:
          if (!sequences.empty() && sequences[which].can_rewind(length) && length <= computed[which]) {
            sequences[which].rewind(length);
            computed[which] = length;
          }
          break;
        default:
          if (sequences.empty()) break;
          const int64_t end =
              std::min(sequences[which].max_length(), computed[which] + 1 + static_cast<int64_t>(random() % 10));
          sequences[which].extend(end);
          for (int64_t position = computed[which]; position < end; ++position) {
            const PageTable& table = sequences[which].table(kLocal);
            ASSERT_LE(table.first_page, position / chunk * chunk / 4);
            ASSERT_GT(table.first_page + static_cast<int64_t>(table.pages.size()), position / 4);
          }
          computed[which] = end;
          sequences[which].accept(end);
      }
      for (const Group group : {kGlobal, kLocal}) {
        std::set<int32_t> pages;
        size_t count = 0;
        for (const SequenceCache& sequence : sequences) {
          pages.insert(sequence.table(group).pages.begin(), sequence.table(group).pages.end());
          count += sequence.table(group).pages.size();
        }
        ASSERT_EQ(pages.size(), count);
        ASSERT_EQ(cache.pool(group).in_use(), static_cast<int32_t>(count));
      }
    }
  }
}

}  // namespace
}  // namespace paddock::cache
