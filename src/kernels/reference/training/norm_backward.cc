// SPDX-License-Identifier: Apache-2.0
// g = dy w;  dx = r g - x r^3 mean(g x);  dw = sum over rows of dy x r
#include <cmath>
#include <vector>

#include "base/check.h"
#include "kernels/host/host_memory.h"
#include "kernels/reference/training/trainer.h"

namespace paddock::kernels {
namespace {

double inverse_rms(const float* x, int64_t width, double epsilon) {
  double squares = 0;
  for (int64_t index = 0; index < width; ++index) squares += static_cast<double>(x[index]) * x[index];
  return 1 / std::sqrt(squares / static_cast<double>(width) + epsilon);
}

// One group of one row.
void backward(const float* x, const float* weight, const float* dy, float* dx, int64_t width, double r, bool add) {
  const auto g = [&](int64_t index) { return static_cast<double>(dy[index]) * (weight ? weight[index] : 1.0f); };
  double mean = 0;
  for (int64_t index = 0; index < width; ++index) mean += g(index) * x[index];
  mean /= static_cast<double>(width);
  for (int64_t index = 0; index < width; ++index) {
    const auto value = static_cast<float>(r * g(index) - x[index] * r * r * r * mean);
    dx[index] = add ? dx[index] + value : value;
  }
}

}  // namespace

void ReferenceTrainer::norm_backward(const NormBackward& op) {
  const int64_t width = op.x.width, groups = width / op.group;
  CHECK(groups * op.group == width && (op.weight.is_null() || groups == 1));
  const float* weight = op.weight.is_null() ? nullptr : HostMemory::floats(op.weight);
  std::vector<double> inverse(static_cast<size_t>(op.x.rows * groups));
  pool_.parallel_for(op.x.rows * groups, 16, [&](int64_t begin, int64_t end, int) {
    for (int64_t index = begin; index < end; ++index)
      inverse[static_cast<size_t>(index)] =
          inverse_rms(HostMemory::floats(op.x.address) + index * op.group, op.group, static_cast<double>(op.epsilon));
  });
  // Before dx, which may take the place of dy.
  if (!op.dweight.is_null())
    pool_.parallel_for(width, 16, [&](int64_t begin, int64_t end, int) {
      float* dweight = HostMemory::floats(op.dweight);
      for (int64_t column = begin; column < end; ++column) {
        double sum = 0;
        for (int64_t row = 0; row < op.x.rows; ++row)
          sum += inverse[static_cast<size_t>(row)] * HostMemory::row(op.dy, row)[column] *
                 HostMemory::row(op.x, row)[column];
        dweight[column] += static_cast<float>(sum);
      }
    });
  pool_.parallel_for(op.x.rows * groups, 16, [&](int64_t begin, int64_t end, int) {
    for (int64_t index = begin; index < end; ++index) {
      const int64_t offset = index * op.group;
      backward(HostMemory::floats(op.x.address) + offset, weight, HostMemory::floats(op.dy.address) + offset,
               HostMemory::floats(op.dx.address) + offset, op.group, inverse[static_cast<size_t>(index)], op.add);
    }
  });
}

}  // namespace paddock::kernels
