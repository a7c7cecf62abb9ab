// SPDX-License-Identifier: Apache-2.0
// h = silu(a) b;  da = dh b s (1 + a (1 - s));  db = dh silu(a)
#include <cmath>

#include "base/check.h"
#include "kernels/host/host_memory.h"
#include "kernels/reference/training/trainer.h"

namespace paddock::kernels {
namespace {

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

}  // namespace

void ReferenceTrainer::silu_product(const SiluProduct& op) {
  const int64_t width = op.inner.width;
  CHECK(op.gate_up.width == 2 * width && op.gate_up.rows == op.inner.rows);
  pool_.parallel_for(op.inner.rows, 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; ++row) {
      const float* a = HostMemory::row(op.gate_up, row);
      float* inner = HostMemory::row(op.inner, row);
      for (int64_t index = 0; index < width; ++index)
        inner[index] = static_cast<float>(a[index] * sigmoid(a[index]) * a[width + index]);
    }
  });
}

void ReferenceTrainer::silu_product_backward(const SiluProductBackward& op) {
  const int64_t width = op.dinner.width;
  CHECK(op.gate_up.width == 2 * width && op.gate_up.rows == op.dinner.rows);
  pool_.parallel_for(op.dinner.rows, 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; ++row) {
      float* a = HostMemory::row(op.gate_up, row);
      const float* dinner = HostMemory::row(op.dinner, row);
      for (int64_t index = 0; index < width; ++index) {
        const double gate = a[index], up = a[width + index], s = sigmoid(gate);
        a[index] = static_cast<float>(dinner[index] * up * s * (1 + gate * (1 - s)));
        a[width + index] = static_cast<float>(dinner[index] * gate * s);
      }
    }
  });
}

}  // namespace paddock::kernels
