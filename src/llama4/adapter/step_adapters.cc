// SPDX-License-Identifier: Apache-2.0
#include "llama4/adapter/step_adapters.h"

#include <algorithm>

namespace paddock::llama4 {

void StepAdapters::add_row(const Adapter* adapter) {
  const auto row = static_cast<int32_t>(adapter_of_rows_.size());
  if (adapter == nullptr) return adapter_of_rows_.push_back(-1);
  const auto index = static_cast<size_t>(std::ranges::find(adapters_, adapter) - adapters_.begin());
  if (index == adapters_.size()) {
    adapters_.push_back(adapter);
    rows_.emplace_back();
  }
  rows_[index].push_back(row);
  adapter_of_rows_.push_back(static_cast<int32_t>(index));
}

void StepAdapters::add_rows(const Adapter* adapter, int64_t count) {
  for (int64_t row = 0; row < count; ++row) add_row(adapter);
}

std::vector<kernels::UpdatedRows> StepAdapters::updates(const Pick& pick) const {
  std::vector<kernels::UpdatedRows> updates;
  for (size_t index = 0; index < adapters_.size(); ++index)
    if (const kernels::LowRank& update = pick(*adapters_[index]); update.rank > 0)
      updates.push_back({update, rows_[index]});
  return updates;
}

std::vector<std::span<const kernels::MlpUpdate>> StepAdapters::experts(size_t layer) const {
  std::vector<std::span<const kernels::MlpUpdate>> experts;
  for (const Adapter* adapter : adapters_) experts.emplace_back(adapter->layer(layer).experts);
  return experts;
}

StepAdapters StepAdapters::of_rows(std::span<const int32_t> rows) const {
  StepAdapters some;
  for (const int32_t row : rows) {
    const int32_t index = adapter_of_rows_[static_cast<size_t>(row)];
    some.add_row(index < 0 ? nullptr : adapters_[static_cast<size_t>(index)]);
  }
  return some;
}

}  // namespace paddock::llama4
