// SPDX-License-Identifier: Apache-2.0
#include "engine/scheduler.h"

#include <algorithm>

#include "base/check.h"

namespace paddock::engine {

void Scheduler::add(RequestId request, int64_t computed, int64_t total, int64_t tenant) {
  CHECK(computed < total && !progress_.contains(request));
  progress_[request] = {computed, total, tenant};
}

void Scheduler::remove(RequestId request) { progress_.erase(request); }

void Scheduler::commit(const Slice& slice) {
  const auto found = progress_.find(slice.request);
  if (found == progress_.end()) return;  // cancelled meanwhile
  found->second.computed = slice.first + slice.count;
}

void Scheduler::append_token(RequestId request) { ++progress_.at(request).total; }

int64_t Scheduler::answering() const {
  return std::count_if(progress_.begin(), progress_.end(),
                       [](const auto& entry) { return entry.second.remaining() == 1; });
}

int64_t Scheduler::computed(RequestId request) const {
  const auto found = progress_.find(request);
  return found == progress_.end() ? 0 : found->second.computed;
}

bool Scheduler::is_reading(RequestId request) const {
  const auto found = progress_.find(request);
  return found != progress_.end() && found->second.remaining() > 1;
}

// Tokens of a sequence that still fit into a step. Its last known token brings logits with it.
int64_t Scheduler::fit(const Progress& progress, int64_t most, const Room& room) {
  const int64_t count = std::min({progress.remaining(), most, room.tokens});
  return count == progress.remaining() && room.logits == 0 ? 0 : count;
}

std::vector<Slice> Scheduler::next_batch(int64_t beside_answers) const {
  std::vector<Slice> batch;
  Room room = {tokens_per_step_, logits_per_step_};
  std::map<int64_t, int64_t> shares;  // of the tenants that have prompts
  for (const auto& [request, progress] : progress_) {
    if (progress.remaining() > 1) shares[progress.tenant] = 0;
    if (progress.remaining() != 1 || fit(progress, 1, room) == 0) continue;
    batch.push_back({request, progress.computed, 1, true});
    --room.tokens;
    --room.logits;
  }
  if (!batch.empty()) room.tokens = std::min(room.tokens, beside_answers);
  if (shares.empty() || room.tokens == 0) return batch;

  // Whoever wants less than a share leaves the rest to the others, in order of arrival.
  const auto tenants = static_cast<int64_t>(shares.size());
  for (auto& [tenant, share] : shares) share = (room.tokens + tenants - 1) / tenants;
  std::map<RequestId, int64_t> counts;
  for (const bool first_round : {true, false})
    for (const auto& [request, progress] : progress_) {
      if (progress.remaining() < 2) continue;
      int64_t& share = shares[progress.tenant];
      int64_t& count = counts[request];
      const int64_t more =
          fit({progress.computed + count, progress.total, progress.tenant}, first_round ? share : room.tokens, room);
      if (more == 0) continue;
      count += more;
      share -= more;
      room.tokens -= more;
      if (count == progress.remaining()) --room.logits;
    }
  for (const auto& [request, count] : counts)
    if (count > 0) {
      const Progress& progress = progress_.at(request);
      batch.push_back({request, progress.computed, count, count == progress.remaining()});
    }
  return batch;
}

}  // namespace paddock::engine
