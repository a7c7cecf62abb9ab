// SPDX-License-Identifier: Apache-2.0
// How much attention reads and multiplies as a prompt grows: counted, not timed, by kernels that compute nothing.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <vector>

#include "kernels/host/host_memory.h"
#include "kernels/vector/attention.h"

namespace paddock::kernels {
namespace {

constexpr int64_t kHeads = 4, kKvHeads = 2, kHeadWidth = 16, kPagePositions = 64;
constexpr int64_t kChunk = 8192, kStep = 512;

std::atomic<int64_t> seen_pairs;     // of a query and a key that it sees
std::atomic<int64_t> handled_pairs;  // of a query and a key that are computed together, seen or not
std::atomic<int64_t> merges;

void count_positions(const QueryBlock& block, const CachedPositions& positions) {
  for (int64_t row = 0; row < block.rows; ++row) {
    const int64_t end = std::min(positions.count, positions.end + row);
    seen_pairs += block.group * std::max<int64_t>(0, end - positions.begin);
  }
  handled_pairs += block.group * block.rows * (positions.count - positions.begin);
}
void count_merge(const SoftmaxSums&, int64_t, int64_t, const SoftmaxSums&) { ++merges; }

AttendKernels counting_kernels() {
  AttendKernels kernels{};
  kernels.name = "counting";
  kernels.add_positions = count_positions;
  kernels.merge = count_merge;
  kernels.finish = [](const QueryBlock&, const SoftmaxSums&, float*) {};
  return kernels;
}

struct Work {
  int64_t seen, handled, merges;
};

// Of a prompt in steps, as the engine computes it: pages before the step's chunk have been given back.
Work work_of_prompt(int64_t length, int64_t chunk, int threads) {
  seen_pairs = handled_pairs = merges = 0;
  const AttendKernels kernels = counting_kernels();
  ThreadPool pool(threads);
  PagedAttention attention(kernels, &pool);
  std::vector<float> numbers(static_cast<size_t>(kStep * kHeads * kHeadWidth));
  const Rows rows{HostMemory::address_of(numbers.data()), kStep, kHeads * kHeadWidth};
  const KvPages cache{.base = HostMemory::address_of(numbers.data()),
                      .format = tensor::DType::kF32,
                      .page_positions = kPagePositions,
                      .kv_heads = kKvHeads,
                      .head_width = kHeadWidth};
  for (int64_t first = 0; first < length; first += kStep) {
    const int64_t first_page = chunk > 0 ? first / chunk * chunk / kPagePositions : 0;
    const std::vector<int32_t> pages(static_cast<size_t>((first + kStep) / kPagePositions - first_page));
    const SequenceRows sequence{0, kStep, first, pages, first_page};
    attention.attend({.q_TNH = rows,
                      .cache = cache,
                      .sequences = {&sequence, 1},
                      .query_heads = kHeads,
                      .chunk = chunk,
                      .scale = 1,
                      .out_TNH = rows});
  }
  return {seen_pairs, handled_pairs, merges};
}

int64_t triangle(int64_t length) { return length * (length + 1) / 2; }

#ifdef PADDOCK_SANITIZED
const std::vector<int64_t> kLengths = {512, 4096};
#else
const std::vector<int64_t> kLengths = {512, 4096, 16384, 65536};
#endif

TEST(AttentionWork, GlobalLayersSeeEachPairOnce) {
  for (const int threads : {1, 3})
    for (const int64_t length : kLengths) {
      const Work work = work_of_prompt(length, 0, threads);
      EXPECT_EQ(work.seen, kHeads * triangle(length)) << length;
      // Rows that are computed together see positions up to the last of them: at most 64 rows, and a page's end.
      EXPECT_LE(work.handled, work.seen + kHeads * length * 64) << length;
    }
}

TEST(AttentionWork, LocalLayersGrowByTheChunk) {
  for (const int threads : {1, 3}) {
    const Work chunk = work_of_prompt(kChunk, kChunk, threads);
    EXPECT_EQ(chunk.seen, kHeads * triangle(kChunk));
    for (const int64_t chunks : {2, 8}) {
      const Work work = work_of_prompt(chunks * kChunk, kChunk, threads);
      EXPECT_EQ(work.seen, chunks * chunk.seen);
      EXPECT_EQ(work.handled, chunks * chunk.handled);
      EXPECT_EQ(work.merges, chunks * chunk.merges);
    }
  }
}

}  // namespace
}  // namespace paddock::kernels
