// SPDX-License-Identifier: Apache-2.0
#include "train/initial_weights.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "train/normal_numbers.h"

namespace paddock::train {

void write_initial_weights(const ParameterList& list, uint64_t seed, double deviation, std::span<float> block) {
  CHECK(static_cast<int64_t>(block.size()) == list.floats());
  const double narrower = deviation / std::sqrt(2 * static_cast<double>(std::max<size_t>(1, list.layers.size())));
  for (size_t index = 0; index < list.all().size(); ++index) {
    const Parameter& parameter = list[index];
    const auto place = block.subspan(static_cast<size_t>(parameter.offset), static_cast<size_t>(parameter.count));
    if (parameter.shape.size() == 1) {
      std::ranges::fill(place, 1.0f);
      continue;
    }
    const bool to_residual = parameter.name.ends_with("o_proj.weight") ||
                             parameter.name.ends_with("down_proj.weight") || parameter.name.ends_with("down_proj");
    // Each parameter has a stream of its own: another order of parameters gives the same numbers.
    NormalNumbers numbers(seed * 0x100000001b3u + index);
    for (float& number : place) number = static_cast<float>(numbers.next() * (to_residual ? narrower : deviation));
  }
}

}  // namespace paddock::train
