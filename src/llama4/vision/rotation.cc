// SPDX-License-Identifier: Apache-2.0
#include "llama4/vision/rotation.h"

#include <cmath>

namespace paddock::llama4 {

TileRotation tile_rotation(const VisionConfig& config) {
  const int64_t half = config.head_width() / 4, side = config.side();
  std::vector<float> frequencies;
  for (int64_t pair = 0; pair < half; ++pair)
    frequencies.push_back(static_cast<float>(
        1 / std::pow(config.rope_theta, static_cast<double>(2 * pair) / static_cast<double>(2 * half))));
  TileRotation rotation;
  rotation.pairs = 2 * half;
  for (int64_t token = 0; token <= config.patches_per_tile(); ++token) {
    const bool is_class = token == config.patches_per_tile();
    for (int64_t pair = 0; pair < 2 * half; ++pair) {
      const int64_t place = pair < half ? token % side + 1 : token / side + 1;
      // A float32 product, as in the models' own code.
      const float angle = is_class ? 0.0f : static_cast<float>(place) * frequencies[static_cast<size_t>(pair % half)];
      rotation.cosines.push_back(std::cos(angle));
      rotation.sines.push_back(std::sin(angle));
    }
  }
  return rotation;
}

}  // namespace paddock::llama4
