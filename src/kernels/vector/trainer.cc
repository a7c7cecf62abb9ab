// SPDX-License-Identifier: Apache-2.0
#include "kernels/vector/trainer.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "kernels/host/host_memory.h"

namespace paddock::kernels {

void VectorTrainer::silu_product(const SiluProduct& op) {
  const int64_t width = op.inner.width;
  CHECK(op.gate_up.width == 2 * width && op.gate_up.rows == op.inner.rows);
  pool_.parallel_for(op.inner.rows, 4, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; ++row) {
      const float* a = HostMemory::row(op.gate_up, row);
      kernels_.silu_product(a, a + width, width, HostMemory::row(op.inner, row));
    }
  });
}

void VectorTrainer::silu_product_backward(const SiluProductBackward& op) {
  const int64_t width = op.dinner.width;
  CHECK(op.gate_up.width == 2 * width && op.gate_up.rows == op.dinner.rows);
  pool_.parallel_for(op.dinner.rows, 4, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; ++row) {
      float* a = HostMemory::row(op.gate_up, row);
      kernels_.silu_product_backward(a, a + width, HostMemory::row(op.dinner, row), width);
    }
  });
}

void VectorTrainer::token_loss(const TokenLoss& op) {
  const int64_t width = op.logits_RV.width;
  const auto rows = static_cast<size_t>(op.logits_RV.rows);
  CHECK(op.targets.size() == rows && op.losses.size() == rows && (op.weights.empty() || op.weights.size() == rows));
  pool_.parallel_for(op.logits_RV.rows, 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; ++row) {
      const auto at = static_cast<size_t>(row);
      float* logits = HostMemory::row(op.logits_RV, row);
      const int32_t target = op.targets[at];
      CHECK(target == kNoTarget || (target >= 0 && target < width));
      float largest = 0;
      const double sum = kernels_.exponential_sum(logits, width, &largest);
      const double loss = target == kNoTarget ? 0 : static_cast<double>(largest) - logits[target] + std::log(sum);
      op.losses[at] = loss;
      if (op.weights.empty()) continue;
      const float weight = target == kNoTarget ? 0 : op.weights[at];
      if (weight == 0) {
        std::fill(logits, logits + width, 0.0f);
        continue;
      }
      kernels_.scaled_exponential(logits, width, largest, static_cast<float>(weight / sum));
      logits[target] -= weight;
    }
  });
}

}  // namespace paddock::kernels
