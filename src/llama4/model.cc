// SPDX-License-Identifier: Apache-2.0
#include "llama4/model.h"

#include "base/log.h"

namespace paddock::llama4 {

Result<Model> load_model(const checkpoint::Checkpoint& checkpoint, const Config& config, kernels::Machine* machine) {
  WeightsAndTotals loaded = TRY(load_weights(checkpoint, config, machine));
  for (const auto& [dtype, bytes] : loaded.totals.bytes_by_dtype) log_debug("{} bytes of {} weights", bytes, dtype);
  for (const std::string& unused : loaded.totals.unused) log_info("not used for text: {}", unused);
  return Model{config, std::move(loaded.weights), machine};
}

}  // namespace paddock::llama4
