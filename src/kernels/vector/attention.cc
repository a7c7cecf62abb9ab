// SPDX-License-Identifier: Apache-2.0
#include "kernels/vector/attention.h"

#include <algorithm>
#include <atomic>
#include <limits>

#include "base/check.h"
#include "kernels/host/host_memory.h"
#include "tensor/kv_row.h"

namespace paddock::kernels {
namespace {

// Positions that one softmax runs over. Long enough that adding segments up does not count beside reading them.
constexpr int64_t kSegmentPositions = 1024;

// Queries that share a decoded page: enough that decoding does not count, few enough for their sums, scores and queries
// (about 1.5 KiB each at H = 128) to stay in the second cache.
constexpr int64_t kQueriesAtOnce = 128;
constexpr int64_t kMostRows = 64;  // more would see too different a number of positions of a page

// With fewer items than this for each thread, their segments are spread over threads: the last item would keep one busy
// for too long.
constexpr int64_t kItemsForThread = 4;

// Sums that wait to be added up: those of the items and of as many segments, for the largest blocks.
constexpr int64_t kWaitingBlocks = 2 * kItemsForThread;

int64_t rounded_up(int64_t count, int64_t to) { return (count + to - 1) / to * to; }

int64_t rows_at_once(int64_t group) { return std::clamp(kQueriesAtOnce / group, int64_t{1}, kMostRows); }

int64_t sums_floats(int64_t queries, int64_t padded_width) {
  return 2 * rounded_up(queries, kLanes) + queries * padded_width;
}

int64_t scratch_floats(int64_t queries, int64_t padded_width) {
  return 2 * sums_floats(queries, padded_width) +    // of the segment, of all so far
         2 * (rounded_up(queries, kLanes) + kLanes)  // shrink, ends
         + queries * kPositionsAtOnce                // scores
         + 2 * kPositionsAtOnce * padded_width       // keys, decoded
         + kLanes;                                   // to begin at a cache line
}

int64_t waiting_floats(int64_t queries, int64_t padded_width, int threads) {
  return kWaitingBlocks * threads * sums_floats(queries, padded_width) + kLanes;
}

// At least `floats` floats from the beginning of a cache line on.
float* aligned_room(std::vector<float>* room, int64_t floats) {
  if (room->size() < static_cast<size_t>(floats + kLanes)) room->resize(static_cast<size_t>(floats + kLanes));
  const auto address = reinterpret_cast<uintptr_t>(room->data());
  return reinterpret_cast<float*>((address + 63) / 64 * 64);
}

SoftmaxSums sums_at(float* from, int64_t queries) {
  const int64_t padded = rounded_up(queries, kLanes);
  return {from, from + padded, from + 2 * padded};
}

void clear(const SoftmaxSums& sums, int64_t queries, int64_t padded_width) {
  std::fill_n(sums.maximum, queries, -std::numeric_limits<float>::infinity());
  std::fill_n(sums.total, queries, 0.0f);
  std::fill_n(sums.out, queries * padded_width, 0.0f);
}

int64_t first_seen_from(int64_t position, int64_t chunk) { return chunk > 0 ? position / chunk * chunk : 0; }

int64_t pages_of_segment(const KvPages& cache) {
  return std::max(int64_t{1}, kSegmentPositions / cache.page_positions);
}

size_t key_bytes(const KvPages& cache) { return tensor::kv_row_bytes(cache.format.keys, cache.head_width); }
size_t value_bytes(const KvPages& cache) { return tensor::kv_row_bytes(cache.format.values, cache.head_width); }

// Where a position's key and value of one head lie.
struct Slot {
  std::byte* key;
  std::byte* value;
};

Slot slot_of(const KvPages& cache, const SequenceRows& sequence, int64_t position, int64_t kv_head) {
  const int64_t page_in_sequence = position / cache.page_positions - sequence.first_page;
  CHECK(page_in_sequence >= 0 && page_in_sequence < static_cast<int64_t>(sequence.pages.size()));
  const auto page = static_cast<size_t>(sequence.pages[static_cast<size_t>(page_in_sequence)]);
  std::byte* layer = HostMemory::bytes(cache.base) + page * cache.page_bytes + cache.offset;
  const auto row = static_cast<size_t>(kv_head * cache.page_positions + position % cache.page_positions);
  const auto keys = static_cast<size_t>(cache.kv_heads * cache.page_positions) * key_bytes(cache);
  return {layer + row * key_bytes(cache), layer + keys + row * value_bytes(cache)};
}

}  // namespace

PagedAttention::PagedAttention(const AttendKernels& kernels, ThreadPool* pool)
    : kernels_(kernels), pool_(*pool), scratch_(static_cast<size_t>(pool->threads())) {}

size_t PagedAttention::private_bytes(int64_t group, int64_t head_width, int threads) {
  const int64_t queries = rows_at_once(group) * group, padded_width = rounded_up(head_width, kLanes);
  const int64_t floats =
      threads * (scratch_floats(queries, padded_width) + kLanes) + waiting_floats(queries, padded_width, threads);
  return static_cast<size_t>(floats) * sizeof(float);
}

void PagedAttention::append_kv(const AppendKv& op) {
  const int64_t width = op.cache.head_width;
  for (const SequenceRows& sequence : op.sequences)
    pool_.parallel_for(sequence.rows, 16, [&](int64_t begin, int64_t end, int) {
      for (int64_t row = begin; row < end; ++row)
        for (int64_t kv_head = 0; kv_head < op.cache.kv_heads; ++kv_head) {
          const Slot slot = slot_of(op.cache, sequence, sequence.first_position + row, kv_head);
          const int64_t first = kv_head * width;
          kernels_.encode_row(op.cache.format.keys, HostMemory::row(op.k_TGH, sequence.first_row + row) + first,
                              slot.key, width);
          kernels_.encode_row(op.cache.format.values, HostMemory::row(op.v_TGH, sequence.first_row + row) + first,
                              slot.value, width);
        }
    });
}

void PagedAttention::attend(const Attend& op) {
  CHECK(op.query_heads % op.cache.kv_heads == 0);
  list_items(op);
  const auto items = static_cast<int64_t>(items_.size());
  const bool long_ones = std::any_of(items_.begin(), items_.end(), [](const Item& item) { return item.segments > 1; });
  if (long_ones && pool_.threads() > 1 && items < kItemsForThread * pool_.threads()) {
    attend_in_segments(op);
    return;
  }
  // One at a time, the longest first, so that no thread is left with a long one at the end.
  std::stable_sort(items_.begin(), items_.end(),
                   [](const Item& a, const Item& b) { return a.segments * a.rows > b.segments * b.rows; });
  std::atomic<int64_t> next{0};
  pool_.parallel_for(std::min<int64_t>(items, pool_.threads()), 1, [&](int64_t, int64_t, int thread) {
    for (int64_t item = next++; item < items; item = next++) attend_item(op, items_[static_cast<size_t>(item)], thread);
  });
}

void PagedAttention::list_items(const Attend& op) {
  items_.clear();
  const int64_t most_rows = rows_at_once(op.query_heads / op.cache.kv_heads);
  for (const SequenceRows& sequence : op.sequences)
    for (int64_t row = 0, rows = 0; row < sequence.rows; row += rows) {
      const int64_t position = sequence.first_position + row;
      const int64_t first_seen = first_seen_from(position, op.chunk);
      rows = std::min(most_rows, sequence.rows - row);
      if (op.chunk > 0) rows = std::min(rows, first_seen + op.chunk - position);
      const int64_t pages = (position + rows - 1) / op.cache.page_positions - first_seen / op.cache.page_positions + 1;
      const int64_t of_segment = pages_of_segment(op.cache);
      for (int64_t kv_head = 0; kv_head < op.cache.kv_heads; ++kv_head)
        items_.push_back({&sequence, row, rows, kv_head, first_seen, (pages + of_segment - 1) / of_segment});
    }
}

// A block with scratch of this thread, its sums not cleared; a second SoftmaxSums lies behind them.
QueryBlock PagedAttention::block_of(const Attend& op, const Item& item, int thread) {
  QueryBlock block;
  block.group = op.query_heads / op.cache.kv_heads;
  block.head_width = op.cache.head_width;
  block.padded_width = rounded_up(block.head_width, kLanes);
  block.row_stride = op.q_TNH.width;
  block.rows = item.rows;
  block.scale = op.scale;
  block.q = HostMemory::row(op.q_TNH, item.sequence->first_row + item.first_row) +
            item.kv_head * block.group * block.head_width;
  const int64_t queries = block.rows * block.group;
  float* room = aligned_room(&scratch_[static_cast<size_t>(thread)], scratch_floats(queries, block.padded_width));
  const auto take = [&](int64_t floats) {
    float* taken = room;
    room += floats;
    return taken;
  };
  block.keys = take(kPositionsAtOnce * block.padded_width);
  block.decoded = take(kPositionsAtOnce * block.padded_width);
  block.scores = take(queries * kPositionsAtOnce);
  block.shrink = take(rounded_up(queries, kLanes) + kLanes);
  block.ends = reinterpret_cast<int32_t*>(take(rounded_up(queries, kLanes) + kLanes));
  block.sums = sums_at(room, queries);
  return block;
}

// The sums of one segment, from nothing.
void PagedAttention::add_segment(const Attend& op, const Item& item, int64_t segment, const QueryBlock& block) {
  clear(block.sums, block.rows * block.group, block.padded_width);
  const KvPages& cache = op.cache;
  const int64_t first_position = item.sequence->first_position + item.first_row;
  const int64_t first_page = item.first_seen / cache.page_positions + segment * pages_of_segment(cache);
  const int64_t end_position =
      std::min((first_page + pages_of_segment(cache)) * cache.page_positions, first_position + item.rows);
  for (int64_t page_start = first_page * cache.page_positions; page_start < end_position;
       page_start += cache.page_positions) {
    const int64_t page_end = std::min(page_start + cache.page_positions, end_position);
    for (int64_t start = page_start; start < page_end; start += kPositionsAtOnce) {
      const int64_t end = std::min(start + kPositionsAtOnce, page_end);
      if (end <= item.first_seen) continue;
      const Slot slot = slot_of(cache, *item.sequence, start, item.kv_head);
      const Slot next = end < end_position ? slot_of(cache, *item.sequence, end, item.kv_head) : slot;
      const auto rows = [](const std::byte* from, const std::byte* to, tensor::DType dtype, size_t bytes) {
        return CachedRows{from, dtype, static_cast<int64_t>(bytes), to - from};
      };
      kernels_.add_positions(block, {.keys = rows(slot.key, next.key, cache.format.keys, key_bytes(cache)),
                                     .values = rows(slot.value, next.value, cache.format.values, value_bytes(cache)),
                                     .begin = std::max(int64_t{0}, item.first_seen - start),
                                     .count = end - start,
                                     .end = first_position + 1 - start});
    }
  }
}

// Segments on all threads, as many at a time as there is room for their sums, which are then added up in order.
void PagedAttention::attend_in_segments(const Attend& op) {
  const int64_t group = op.query_heads / op.cache.kv_heads, padded_width = rounded_up(op.cache.head_width, kLanes);
  int64_t most_queries = 0;
  units_.clear();
  for (size_t index = 0; index < items_.size(); ++index) {
    most_queries = std::max(most_queries, items_[index].rows * group);
    for (int64_t segment = 0; segment < items_[index].segments; ++segment)
      units_.push_back({static_cast<int64_t>(index), segment});
  }
  const auto items = static_cast<int64_t>(items_.size()), units = static_cast<int64_t>(units_.size());
  const int64_t floats = sums_floats(most_queries, padded_width);
  const int64_t room = waiting_floats(rows_at_once(group) * group, padded_width, pool_.threads());
  const int64_t at_once = std::min(units, room / floats - items);
  DCHECK(at_once > 0);
  float* whole_of_first = aligned_room(&parts_, (items + at_once) * floats);
  float* part_of_first = whole_of_first + items * floats;

  const auto queries_of = [&](int64_t item) { return items_[static_cast<size_t>(item)].rows * group; };
  const auto whole_of = [&](int64_t item) { return sums_at(whole_of_first + item * floats, queries_of(item)); };
  for (int64_t item = 0; item < items; ++item) clear(whole_of(item), queries_of(item), padded_width);

  for (int64_t first = 0; first < units; first += at_once) {
    const int64_t count = std::min(at_once, units - first);
    const auto part_of = [&](int64_t unit) {
      return sums_at(part_of_first + (unit - first) * floats, queries_of(units_[static_cast<size_t>(unit)].item));
    };
    pool_.parallel_for(count, 1, [&](int64_t begin, int64_t end, int thread) {
      for (int64_t unit = first + begin; unit < first + end; ++unit) {
        const auto [index, segment] = units_[static_cast<size_t>(unit)];
        const Item& item = items_[static_cast<size_t>(index)];
        QueryBlock block = block_of(op, item, thread);
        block.sums = part_of(unit);
        add_segment(op, item, segment, block);
      }
    });
    for (int64_t unit = first; unit < first + count; ++unit) {
      const int64_t item = units_[static_cast<size_t>(unit)].item;
      kernels_.merge(part_of(unit), queries_of(item), padded_width, whole_of(item));
    }
  }
  for (int64_t item = 0; item < items; ++item) {
    const Item& finished = items_[static_cast<size_t>(item)];
    finish(op, finished, block_of(op, finished, 0), whole_of(item));
  }
}

void PagedAttention::finish(const Attend& op, const Item& item, const QueryBlock& block, const SoftmaxSums& sums) {
  kernels_.finish(block, sums,
                  HostMemory::row(op.out_TNH, item.sequence->first_row + item.first_row) +
                      item.kv_head * block.group * block.head_width);
}

void PagedAttention::attend_item(const Attend& op, const Item& item, int thread) {
  const QueryBlock block = block_of(op, item, thread);
  const int64_t queries = block.rows * block.group;
  if (item.segments == 1) {
    add_segment(op, item, 0, block);
    finish(op, item, block, block.sums);
    return;
  }
  const SoftmaxSums whole = sums_at(block.sums.maximum + sums_floats(queries, block.padded_width), queries);
  clear(whole, queries, block.padded_width);
  for (int64_t segment = 0; segment < item.segments; ++segment) {
    add_segment(op, item, segment, block);
    kernels_.merge(block.sums, queries, block.padded_width, whole);
  }
  finish(op, item, block, whole);
}

}  // namespace paddock::kernels
