// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a step has to read and to compute at least, so that a measured time can be held to the machine's limits.

#include <array>
#include <cstdint>
#include <span>

#include "llama4/forward.h"
#include "llama4/model.h"
#include "tensor/kv_row.h"

namespace paddock::llama4 {

struct StepCost {
  double weight_bytes = 0;  // every matrix that works in the step, once; of the experts, the chosen ones
  double cache_bytes = 0;   // keys and values that some row sees, once
  // A multiplication and an addition are two. Indexed by kernels::Arithmetic; attention counts as float32.
  std::array<double, kernels::kArithmetics> operations = {};

  StepCost& operator+=(const StepCost& other);
  double all_operations() const;
};

// Watches a step for the experts that its tokens choose.
class CostObserver : public Observer {
 public:
  explicit CostObserver(const Model& model) : model_(model) {}
  void hidden(int, const kernels::Rows&) override {}
  void routed(int layer, const kernels::Routing& routing) override;

  // Of the step that was watched, with this cache; forgets what was watched.
  StepCost take(const Step& step, const tensor::KvFormat& cache);

 private:
  const Model& model_;
  StepCost routed_;
};

}  // namespace paddock::llama4
