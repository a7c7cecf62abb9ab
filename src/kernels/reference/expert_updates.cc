// SPDX-License-Identifier: Apache-2.0
#include "kernels/reference/expert_updates.h"

namespace paddock::kernels {

RoutedUpdates::RoutedUpdates(const ExpertUpdates* updates, std::span<const int32_t> by_expert, int64_t chosen)
    : updates_(updates), by_expert_(by_expert), chosen_(chosen) {
  if (updates_ == nullptr) return;
  // Spans point into these: they never grow beyond what they have.
  rows_.reserve(by_expert.size());
  of_rows_.reserve(3 * by_expert.size());
}

void RoutedUpdates::add_to(Mlp* mlp, int64_t expert, int64_t begin, int64_t count) {
  if (updates_ == nullptr) return;
  group_.clear();
  for (size_t adapter = 0; adapter < updates_->adapters.size(); ++adapter) {
    if (updates_->adapters[adapter].empty()) continue;
    const size_t first = rows_.size();
    for (int64_t row = 0; row < count; ++row) {
      const int64_t token = by_expert_[static_cast<size_t>(begin + row)] / chosen_;
      if (updates_->adapter_of_T[static_cast<size_t>(token)] == static_cast<int32_t>(adapter))
        rows_.push_back(static_cast<int32_t>(row));
    }
    if (rows_.size() > first) group_.push_back({adapter, std::span(rows_).subspan(first)});
  }
  mlp->gate_updates = updates_of(&MlpUpdate::gate, expert);
  mlp->up_updates = updates_of(&MlpUpdate::up, expert);
  mlp->down_updates = updates_of(&MlpUpdate::down, expert);
}

std::span<const UpdatedRows> RoutedUpdates::updates_of(LowRank MlpUpdate::*matrix, int64_t expert) {
  const size_t first = of_rows_.size();
  for (const AdapterRows& each : group_) {
    const LowRank& update = updates_->adapters[each.adapter][static_cast<size_t>(expert)].*matrix;
    if (update.rank > 0) of_rows_.push_back({update, each.rows});
  }
  return std::span(of_rows_).subspan(first);
}

}  // namespace paddock::kernels
