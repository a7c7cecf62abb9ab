// SPDX-License-Identifier: Apache-2.0
#include "engine/scheduler.h"

#include <algorithm>

#include "base/check.h"

namespace paddock::engine {

void Scheduler::add(RequestId request, int64_t computed, int64_t total) {
  CHECK(computed < total && !progress_.contains(request));
  progress_[request] = {computed, total};
}

void Scheduler::remove(RequestId request) { progress_.erase(request); }

void Scheduler::commit(const Slice& slice) {
  const auto found = progress_.find(slice.request);
  if (found == progress_.end()) return;  // cancelled meanwhile
  found->second.computed = slice.first + slice.count;
}

void Scheduler::append_token(RequestId request) { ++progress_.at(request).total; }

std::vector<Slice> Scheduler::next_batch() const {
  std::vector<Slice> batch;
  int64_t tokens_left = tokens_per_step_;
  int64_t logits_left = logits_per_step_;
  for (const bool decoding : {true, false})
    for (const auto& [request, progress] : progress_) {
      const int64_t remaining = progress.total - progress.computed;
      if (remaining == 0 || (remaining == 1) != decoding || tokens_left == 0) continue;
      const int64_t count = std::min(remaining, tokens_left);
      const bool wants_logits = count == remaining;
      if (wants_logits && logits_left == 0) continue;
      batch.push_back({request, progress.computed, count, wants_logits});
      tokens_left -= count;
      logits_left -= wants_logits ? 1 : 0;
    }
  return batch;
}

}  // namespace paddock::engine
