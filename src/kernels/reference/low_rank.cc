// SPDX-License-Identifier: Apache-2.0
// y[t, o] += scale * sum over j of up[j, o] * (down x[t])[j]
#include <algorithm>

#include "base/check.h"
#include "kernels/host/host_memory.h"
#include "kernels/reference/machine.h"
#include "kernels/reference/sums.h"

namespace paddock::kernels {
namespace {

// `h`: `rank` floats of scratch.
void add_update(const LowRank& update, const float* x, float* y, float* h) {
  const float *down = HostMemory::floats(update.down), *up = HostMemory::floats(update.up);
  for (int64_t j = 0; j < update.rank; ++j) h[j] = dot(down + j * update.inputs, x, update.inputs);
  for (int64_t output = 0; output < update.outputs; ++output) {
    float sum = 0;
    for (int64_t j = 0; j < update.rank; ++j) sum += up[j * update.up_stride + output] * h[j];
    y[output] += update.scale * sum;
  }
}

}  // namespace

void ReferenceMachine::add_low_rank(const AddLowRank& op) {
  for (const UpdatedProduct& product : op.products)
    for (const UpdatedRows& each : product.updates) {
      const LowRank& update = each.update;
      CHECK(update.rank > 0 && product.x.width == update.inputs && product.y.width == update.outputs);
      pool_.parallel_for(static_cast<int64_t>(each.rows.size()), 1, [&](int64_t begin, int64_t end, int thread) {
        for (int64_t index = begin; index < end; ++index) {
          const int32_t row = each.rows[static_cast<size_t>(index)];
          add_update(update, HostMemory::row(product.x, row), HostMemory::row(product.y, row),
                     scratch(thread, update.rank));
        }
      });
    }
}

}  // namespace paddock::kernels
