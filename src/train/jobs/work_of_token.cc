// SPDX-License-Identifier: Apache-2.0
#include "train/jobs/work_of_token.h"

namespace paddock::train {

double operations_per_token(const llama4::Config& config, bool frozen) {
  const auto width = static_cast<double>(config.width), head = static_cast<double>(config.head_width);
  const double attention = width * head * 2 * static_cast<double>(config.query_heads + config.kv_heads);
  double weights = width * static_cast<double>(config.vocabulary);
  for (const llama4::LayerPlan& plan : config.layers) {
    weights += attention;
    if (!plan.moe) {
      weights += 3 * width * static_cast<double>(config.dense_width);
      continue;
    }
    weights += width * static_cast<double>(config.experts) +
               3 * width * static_cast<double>(config.expert_width) * static_cast<double>(1 + config.experts_per_token);
  }
  return weights * 2 * (frozen ? 2 : 3);
}

}  // namespace paddock::train
