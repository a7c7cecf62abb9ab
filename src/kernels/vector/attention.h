// SPDX-License-Identifier: Apache-2.0
#pragma once
// Attention over paged keys and values by AttendKernels, spread over threads.
//
// The positions that a query sees are taken in segments of about a thousand, counted from its first. Each has a softmax
// of its own, added up in order of position. Segments of a few long sequences go to different threads; whether they do,
// and what else is in the step, changes no bit.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/thread_pool.h"
#include "kernels/contracts/attend.h"
#include "kernels/vector/attend_kernels.h"

namespace paddock::kernels {

// Used by one thread at a time, which must not be inside another parallel_for of the pool.
class PagedAttention {
 public:
  // Both must outlive it.
  PagedAttention(const AttendKernels& kernels, ThreadPool* pool);

  void append_kv(const AppendKv& op);
  void attend(const Attend& op);

  // The most that it keeps for heads of this width, `group` of which share keys.
  static size_t private_bytes(int64_t group, int64_t head_width, int threads);

 private:
  // Rows of a sequence that see the same first position, and the heads that share one key/value head.
  struct Item {
    const SequenceRows* sequence = nullptr;
    int64_t first_row = 0;  // in the sequence
    int64_t rows = 0;
    int64_t kv_head = 0;
    int64_t first_seen = 0;  // position
    int64_t segments = 0;
  };
  // Sums of one item, or of one segment of it.
  struct Unit {
    int64_t item = 0;
    int64_t segment = 0;
  };

  void list_items(const Attend& op);
  QueryBlock block_of(const Attend& op, const Item& item, int thread);
  void add_segment(const Attend& op, const Item& item, int64_t segment, const QueryBlock& block);
  void finish(const Attend& op, const Item& item, const QueryBlock& block, const SoftmaxSums& sums);
  void attend_item(const Attend& op, const Item& item, int thread);
  void attend_in_segments(const Attend& op);

  const AttendKernels& kernels_;
  ThreadPool& pool_;
  std::vector<Item> items_;
  std::vector<Unit> units_;
  std::vector<std::vector<float>> scratch_;  // one for each thread
  std::vector<float> parts_;                 // sums of segments that wait to be added up
};

}  // namespace paddock::kernels
