// SPDX-License-Identifier: Apache-2.0
// out = sum over visible j of softmax_j(q . k_j * scale) v_j, page by page with a running maximum.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/check.h"
#include "kernels/host/host_memory.h"
#include "kernels/reference/machine.h"
#include "kernels/reference/sums.h"
#include "tensor/kv_row.h"

namespace paddock::kernels {
namespace {

// Where K or V of one page and one key/value head begins; `values` after `keys`.
struct PageHead {
  const std::byte* keys;
  const std::byte* values;
};

size_t key_bytes(const KvPages& cache) { return tensor::kv_row_bytes(cache.format.keys, cache.head_width); }
size_t value_bytes(const KvPages& cache) { return tensor::kv_row_bytes(cache.format.values, cache.head_width); }

PageHead page_head(const KvPages& cache, int32_t page, int64_t kv_head) {
  const std::byte* start = HostMemory::bytes(cache.base) + static_cast<size_t>(page) * cache.page_bytes + cache.offset;
  const auto before = static_cast<size_t>(kv_head * cache.page_positions);  // rows of other heads
  const auto all = static_cast<size_t>(cache.kv_heads * cache.page_positions);
  return {start + before * key_bytes(cache), start + all * key_bytes(cache) + before * value_bytes(cache)};
}

int32_t page_of(const SequenceRows& sequence, const KvPages& cache, int64_t position) {
  const int64_t page_in_sequence = position / cache.page_positions - sequence.first_page;
  CHECK(page_in_sequence >= 0 && page_in_sequence < static_cast<int64_t>(sequence.pages.size()));
  return sequence.pages[static_cast<size_t>(page_in_sequence)];
}

// `count` rows from `stored` on, as floats [count, width].
void decode_rows(tensor::DType dtype, const std::byte* stored, int64_t count, int64_t width, float* to) {
  for (int64_t row = 0; row < count; ++row, stored += tensor::kv_row_bytes(dtype, width))
    tensor::decode_kv_row(dtype, stored, to + row * width, width);
}

// The softmax of one query so far: sums are relative to the largest score seen.
struct Running {
  float maximum = -std::numeric_limits<float>::infinity();
  float total = 0;
};

// Adds `count` keys and values [count, H] of one page to a query's sums. `weights` [count] is scratch.
void add_keys(const float* query, const float* keys, const float* values, int64_t count, int64_t width, float scale,
              float* weights, Running* running, float* out) {
  float maximum = running->maximum;
  for (int64_t key = 0; key < count; ++key) {
    weights[key] = dot(query, keys + key * width, width) * scale;
    maximum = std::max(maximum, weights[key]);
  }
  const float shrink = std::exp(running->maximum - maximum);  // 0 at the first page: exp(-inf)
  running->maximum = maximum;
  running->total *= shrink;
  for (int64_t index = 0; index < width; ++index) out[index] *= shrink;
  for (int64_t key = 0; key < count; ++key) {
    const float weight = std::exp(weights[key] - maximum);
    running->total += weight;
    for (int64_t index = 0; index < width; ++index) out[index] += weight * values[key * width + index];
  }
}

// Rows that share a decoded page: enough that decoding does not count, few enough to spread over threads.
constexpr int64_t kRowsAtOnce = 16;

int64_t first_visible(int64_t position, int64_t chunk) { return chunk > 0 ? position / chunk * chunk : 0; }

// Rows [first_row, first_row + rows) of a sequence, and all query heads that share `kv_head`.
void attend_rows(const Attend& op, const SequenceRows& sequence, int64_t first_row, int64_t rows, int64_t kv_head,
                 float* scratch) {
  const KvPages& cache = op.cache;
  const int64_t width = cache.head_width;
  const int64_t group = op.query_heads / cache.kv_heads;
  float* keys = scratch;
  float* values = keys + cache.page_positions * width;
  float* weights = values + cache.page_positions * width;
  std::vector<Running> running(static_cast<size_t>(rows * group));

  const auto out_of = [&](int64_t row, int64_t head) {
    return HostMemory::row(op.out_TNH, sequence.first_row + first_row + row) + (kv_head * group + head) * width;
  };
  for (int64_t row = 0; row < rows; ++row) std::fill_n(out_of(row, 0), group * width, 0.0f);

  const int64_t first_position = sequence.first_position + first_row;
  const int64_t end_position = first_position + rows;
  for (int64_t page = first_visible(first_position, op.chunk) / cache.page_positions;
       page * cache.page_positions < end_position; ++page) {
    const int64_t page_start = page * cache.page_positions;
    const int64_t stored = std::min(cache.page_positions, end_position - page_start);
    const PageHead head_of_page = page_head(cache, page_of(sequence, cache, page_start), kv_head);
    decode_rows(cache.format.keys, head_of_page.keys, stored, width, keys);
    decode_rows(cache.format.values, head_of_page.values, stored, width, values);
    for (int64_t row = 0; row < rows; ++row) {
      const int64_t position = first_position + row;
      const int64_t begin = std::max(page_start, first_visible(position, op.chunk)) - page_start;
      const int64_t end = std::min(page_start + cache.page_positions, position + 1) - page_start;
      if (begin >= end) continue;
      for (int64_t head = 0; head < group; ++head) {
        const float* query =
            HostMemory::row(op.q_TNH, sequence.first_row + first_row + row) + (kv_head * group + head) * width;
        add_keys(query, keys + begin * width, values + begin * width, end - begin, width, op.scale, weights,
                 &running[static_cast<size_t>(row * group + head)], out_of(row, head));
      }
    }
  }
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t head = 0; head < group; ++head)
      for (int64_t index = 0; index < width; ++index)
        out_of(row, head)[index] /= running[static_cast<size_t>(row * group + head)].total;
}

}  // namespace

void ReferenceMachine::append_kv(const AppendKv& op) {
  const KvPages& cache = op.cache;
  const int64_t width = cache.head_width;
  for (const SequenceRows& sequence : op.sequences)
    for (int64_t row = 0; row < sequence.rows; ++row) {
      const int64_t position = sequence.first_position + row;
      const auto slot = static_cast<size_t>(position % cache.page_positions);
      for (int64_t kv_head = 0; kv_head < cache.kv_heads; ++kv_head) {
        const PageHead head = page_head(cache, page_of(sequence, cache, position), kv_head);
        tensor::encode_kv_row(cache.format.keys, HostMemory::row(op.k_TGH, sequence.first_row + row) + kv_head * width,
                              const_cast<std::byte*>(head.keys) + slot * key_bytes(cache), width);
        tensor::encode_kv_row(cache.format.values,
                              HostMemory::row(op.v_TGH, sequence.first_row + row) + kv_head * width,
                              const_cast<std::byte*>(head.values) + slot * value_bytes(cache), width);
      }
    }
}

void ReferenceMachine::attend(const Attend& op) {
  for (const SequenceRows& sequence : op.sequences) {
    const int64_t blocks = (sequence.rows + kRowsAtOnce - 1) / kRowsAtOnce;
    pool_.parallel_for(blocks * op.cache.kv_heads, 1, [&](int64_t begin, int64_t end, int thread) {
      float* mine = scratch(thread, op.cache.page_positions * (2 * op.cache.head_width + 1));
      for (int64_t item = begin; item < end; ++item) {
        const int64_t first_row = item / op.cache.kv_heads * kRowsAtOnce;
        attend_rows(op, sequence, first_row, std::min(kRowsAtOnce, sequence.rows - first_row), item % op.cache.kv_heads,
                    mine);
      }
    });
  }
}

}  // namespace paddock::kernels
