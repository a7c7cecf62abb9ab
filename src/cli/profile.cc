// SPDX-License-Identifier: Apache-2.0
#include "cli/profile.h"

#include <utility>

namespace paddock::cli {

// Called when the layer is done, so that all that was noted since the last call is the layer's. What comes after the
// last layer is noted when the next step's embedding is done, or at the end.
void Profile::hidden(int layer, const kernels::Rows&) {
  if (layer < 0) {
    for (const auto& [operation, spent] : machine_.take_seconds())
      seconds_[operation == "embed" ? "embedding" : "head"][operation] += spent;
    return;
  }
  const llama4::LayerPlan& plan = config_.layers[static_cast<size_t>(layer)];
  add_to(std::string(plan.chunked ? "local" : "global") + (plan.moe ? " moe" : " dense"));
}

void Profile::add_to(const std::string& kind) {
  for (const auto& [operation, spent] : machine_.take_seconds()) seconds_[kind][operation] += spent;
}

std::map<std::string, std::map<std::string, double>> Profile::take() { return std::exchange(seconds_, {}); }

}  // namespace paddock::cli
