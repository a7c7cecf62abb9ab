// SPDX-License-Identifier: Apache-2.0
#include "llama4/vision/model.h"

#include <utility>

namespace paddock::llama4 {

Result<VisionModel> load_vision(const checkpoint::Checkpoint& checkpoint, const VisionConfig& config,
                                kernels::Machine* machine) {
  auto loaded = TRY(load_vision_weights(checkpoint, config, machine));
  return VisionModel{config, std::move(loaded.weights), loaded.totals, machine};
}

}  // namespace paddock::llama4
