// SPDX-License-Identifier: Apache-2.0
// c[m, n] (+)= scale * sum over k of a[m, k] b[k, n]
#include "base/check.h"
#include "kernels/host/host_memory.h"
#include "kernels/reference/training/trainer.h"

namespace paddock::kernels {
namespace {

void multiply_row(const PlaneProduct& product, int64_t row, bool add) {
  const Plane &a = product.a, &b = product.b, &c = product.c;
  const float* of_a = HostMemory::floats(a.address) + row * a.row_stride;
  float* of_c = HostMemory::floats(c.address) + row * c.row_stride;
  for (int64_t column = 0; column < c.columns; ++column) {
    const float* of_b = HostMemory::floats(b.address) + column * b.column_stride;
    double sum = 0;
    for (int64_t k = 0; k < a.columns; ++k)
      sum += static_cast<double>(of_a[k * a.column_stride]) * static_cast<double>(of_b[k * b.row_stride]);
    float& to = of_c[column * c.column_stride];
    to = static_cast<float>(product.scale * sum) + (add ? to : 0.0f);
  }
}

}  // namespace

void ReferenceTrainer::multiply(const Multiply& op) {
  for (const PlaneProduct& product : op.products) {
    CHECK(product.a.rows == product.c.rows && product.b.columns == product.c.columns);
    CHECK(product.a.columns == product.b.rows);
    pool_.parallel_for(product.c.rows, 1, [&](int64_t begin, int64_t end, int) {
      for (int64_t row = begin; row < end; ++row) multiply_row(product, row, op.add);
    });
  }
}

}  // namespace paddock::kernels
