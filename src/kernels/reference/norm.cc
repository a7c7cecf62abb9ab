// SPDX-License-Identifier: Apache-2.0
// y = x / sqrt(mean(x^2) + eps) * weight
#include <cmath>

#include "kernels/host/host_memory.h"
#include "kernels/reference/machine.h"
#include "kernels/reference/sums.h"
#include "tensor/decode.h"

namespace paddock::kernels {
namespace {

float inverse_rms(const float* x, int64_t width, float epsilon) {
  return 1.0f / std::sqrt(dot(x, x, width) / static_cast<float>(width) + epsilon);
}

}  // namespace

void ReferenceMachine::rms_norm(const RmsNorm& op) {
  const int64_t width = op.x_TD.width;
  float* weight = scratch(0, width);
  tensor::decode_row(op.weight_D.dtype, HostMemory::bytes(op.weight_D.weights), weight, width);
  for (int64_t token = 0; token < op.x_TD.rows; ++token) {
    const float* x = HostMemory::row(op.x_TD, token);
    float* y = HostMemory::row(op.y_TD, token);
    const float scale = inverse_rms(x, width, op.epsilon);
    for (int64_t index = 0; index < width; ++index) y[index] = x[index] * scale * weight[index];
  }
}

void ReferenceMachine::head_norm(const HeadNorm& op) {
  for (int64_t token = 0; token < op.x_TNH.rows; ++token)
    for (int64_t start = 0; start < op.x_TNH.width; start += op.head_width) {
      float* head = HostMemory::row(op.x_TNH, token) + start;
      const float scale = inverse_rms(head, op.head_width, op.epsilon);
      for (int64_t index = 0; index < op.head_width; ++index) head[index] *= scale;
    }
}

}  // namespace paddock::kernels
