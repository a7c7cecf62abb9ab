// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which rows of a step which adapter updates.

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "kernels/contracts/low_rank.h"
#include "llama4/adapter/adapter.h"

namespace paddock::llama4 {

class StepAdapters {
 public:
  // The next `count` rows of the step. `adapter` null: none.
  void add_rows(const Adapter* adapter, int64_t count);

  bool empty() const { return adapters_.empty(); }  // no row has one

  // The update that an adapter has of some matrix.
  using Pick = std::function<const kernels::LowRank&(const Adapter&)>;
  // For the product with that matrix; points into this object.
  std::vector<kernels::UpdatedRows> updates(const Pick& pick) const;

  // The same for routed experts of a layer.
  std::vector<std::span<const kernels::MlpUpdate>> experts(size_t layer) const;
  std::span<const int32_t> adapter_of_rows() const { return adapter_of_rows_; }

  // The same for some rows of the step, which are 0, 1, 2, ... then.
  StepAdapters of_rows(std::span<const int32_t> rows) const;

 private:
  void add_row(const Adapter* adapter);

  std::vector<const Adapter*> adapters_;    // each once
  std::vector<std::vector<int32_t>> rows_;  // of each adapter, rising
  std::vector<int32_t> adapter_of_rows_;    // -1: none
};

}  // namespace paddock::llama4
