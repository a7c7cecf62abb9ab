// SPDX-License-Identifier: Apache-2.0
// out = sum over visible j of softmax_j(q . k_j * scale) v_j, page by page with a running maximum.
#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "kernels/host/host_memory.h"
#include "kernels/reference/machine.h"
#include "kernels/reference/sums.h"
#include "tensor/decode.h"
#include "tensor/floats.h"

namespace paddock::kernels {
namespace {

// Where K or V of one page and one key/value head begins; `values` after `keys`.
struct PageHead {
  const std::byte* keys;
  const std::byte* values;
};

size_t head_bytes(const KvPages& cache) {
  return tensor::row_bytes(cache.dtype, cache.page_positions * cache.head_width);
}

PageHead page_head(const KvPages& cache, int32_t page, int64_t kv_head) {
  const std::byte* start = HostMemory::bytes(cache.base) + static_cast<size_t>(page) * cache.page_bytes + cache.offset;
  const std::byte* keys = start + static_cast<size_t>(kv_head) * head_bytes(cache);
  return {keys, keys + static_cast<size_t>(cache.kv_heads) * head_bytes(cache)};
}

int32_t page_of(const SequenceRows& sequence, const KvPages& cache, int64_t position) {
  const int64_t page_in_sequence = position / cache.page_positions - sequence.first_page;
  CHECK(page_in_sequence >= 0 && page_in_sequence < static_cast<int64_t>(sequence.pages.size()));
  return sequence.pages[static_cast<size_t>(page_in_sequence)];
}

void store_head(const float* from, tensor::DType dtype, std::byte* to, int64_t count) {
  if (dtype == tensor::DType::kF32) {
    std::copy_n(from, count, reinterpret_cast<float*>(to));
  } else {
    CHECK(dtype == tensor::DType::kF16);
    auto* halves = reinterpret_cast<uint16_t*>(to);
    for (int64_t index = 0; index < count; ++index) halves[index] = tensor::half_from_float(from[index]);
  }
}

// One query head at one position. `out` [H]; `stored` [page_positions, H] and `weights` [page_positions] are scratch.
void attend_one(const Attend& op, const SequenceRows& sequence, int64_t position, int64_t query_head,
                const float* query, float* out, float* stored, float* weights) {
  const KvPages& cache = op.cache;
  const int64_t width = cache.head_width;
  const int64_t kv_head = query_head / (op.query_heads / cache.kv_heads);
  const int64_t first_visible = op.chunk > 0 ? position / op.chunk * op.chunk : 0;

  float maximum = -std::numeric_limits<float>::infinity();
  float total = 0;
  std::fill_n(out, width, 0.0f);
  for (int64_t start = first_visible; start <= position;) {
    const int64_t end = std::min(position + 1, (start / cache.page_positions + 1) * cache.page_positions);
    const int64_t count = end - start;
    const PageHead head = page_head(cache, page_of(sequence, cache, start), kv_head);
    const size_t skipped = tensor::row_bytes(cache.dtype, start % cache.page_positions * width);

    tensor::decode_row(cache.dtype, head.keys + skipped, stored, count * width);
    float page_maximum = maximum;
    for (int64_t key = 0; key < count; ++key) {
      weights[key] = dot(query, stored + key * width, width) * op.scale;
      page_maximum = std::max(page_maximum, weights[key]);
    }
    const float shrink = std::exp(maximum - page_maximum);  // 0 at the first page: exp(-inf)
    maximum = page_maximum;
    total *= shrink;
    for (int64_t index = 0; index < width; ++index) out[index] *= shrink;

    tensor::decode_row(cache.dtype, head.values + skipped, stored, count * width);
    for (int64_t key = 0; key < count; ++key) {
      const float weight = std::exp(weights[key] - maximum);
      total += weight;
      for (int64_t index = 0; index < width; ++index) out[index] += weight * stored[key * width + index];
    }
    start = end;
  }
  for (int64_t index = 0; index < width; ++index) out[index] /= total;
}

}  // namespace

void ReferenceMachine::append_kv(const AppendKv& op) {
  const KvPages& cache = op.cache;
  const int64_t width = cache.head_width;
  for (const SequenceRows& sequence : op.sequences)
    for (int64_t row = 0; row < sequence.rows; ++row) {
      const int64_t position = sequence.first_position + row;
      const size_t slot = tensor::row_bytes(cache.dtype, position % cache.page_positions * width);
      for (int64_t kv_head = 0; kv_head < cache.kv_heads; ++kv_head) {
        const PageHead head = page_head(cache, page_of(sequence, cache, position), kv_head);
        store_head(HostMemory::row(op.k_TGH, sequence.first_row + row) + kv_head * width, cache.dtype,
                   const_cast<std::byte*>(head.keys) + slot, width);
        store_head(HostMemory::row(op.v_TGH, sequence.first_row + row) + kv_head * width, cache.dtype,
                   const_cast<std::byte*>(head.values) + slot, width);
      }
    }
}

void ReferenceMachine::attend(const Attend& op) {
  const int64_t width = op.cache.head_width;
  for (const SequenceRows& sequence : op.sequences)
    pool_.parallel_for(sequence.rows * op.query_heads, 1, [&](int64_t begin, int64_t end, int thread) {
      float* stored = scratch(thread, op.cache.page_positions * (width + 1));
      float* weights = stored + op.cache.page_positions * width;
      for (int64_t item = begin; item < end; ++item) {
        const int64_t row = item / op.query_heads;
        const int64_t query_head = item % op.query_heads;
        const int64_t row_in_step = sequence.first_row + row;
        attend_one(op, sequence, sequence.first_position + row, query_head,
                   HostMemory::row(op.q_TNH, row_in_step) + query_head * width,
                   HostMemory::row(op.out_TNH, row_in_step) + query_head * width, stored, weights);
      }
    });
}

}  // namespace paddock::kernels
