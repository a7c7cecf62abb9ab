// SPDX-License-Identifier: Apache-2.0
// (a, b) -> (a cos - b sin, a sin + b cos);  q *= 1 + scale * ln(floor((p + 1) / floor_scale) + 1)
#include <cmath>

#include "base/check.h"
#include "kernels/host/host_memory.h"
#include "kernels/reference/machine.h"

namespace paddock::kernels {

void ReferenceMachine::rotate(const Rotate& op) {
  const auto pairs = static_cast<int64_t>(op.frequencies.size());
  CHECK(2 * pairs <= op.head_width);
  const bool halves = op.pairs == RopePairs::kHalves;
  const int64_t pair_step = halves ? 1 : 2;         // from one pair's first number to the next pair's
  const int64_t partner_step = halves ? pairs : 1;  // from a pair's first number to its second
  for (int64_t token = 0; token < op.x_TNH.rows; ++token) {
    const auto position = static_cast<float>(op.positions[static_cast<size_t>(token)]);
    float* heads = HostMemory::row(op.x_TNH, token);
    for (int64_t pair = 0; pair < pairs; ++pair) {
      const float angle = position * op.frequencies[static_cast<size_t>(pair)];
      const float cosine = std::cos(angle);
      const float sine = std::sin(angle);
      for (int64_t start = 0; start < op.x_TNH.width; start += op.head_width) {
        float& first = heads[start + pair * pair_step];
        float& second = heads[start + pair * pair_step + partner_step];
        const float turned = first * cosine - second * sine;
        second = first * sine + second * cosine;
        first = turned;
      }
    }
  }
}

void ReferenceMachine::scale_queries(const ScaleQueries& op) {
  for (int64_t token = 0; token < op.q_TNH.rows; ++token) {
    const auto position = static_cast<double>(op.positions[static_cast<size_t>(token)]);
    const auto factor = static_cast<float>(1 + op.scale * std::log(std::floor((position + 1) / op.floor_scale) + 1));
    float* q = HostMemory::row(op.q_TNH, token);
    for (int64_t index = 0; index < op.q_TNH.width; ++index) q[index] *= factor;
  }
}

}  // namespace paddock::kernels
