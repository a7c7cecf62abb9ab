// SPDX-License-Identifier: Apache-2.0
// logits[r] = head · rms_norm(x[row r])
#include <algorithm>

#include "kernels/host/host_memory.h"
#include "kernels/reference/machine.h"

namespace paddock::kernels {

void ReferenceMachine::logits(const Logits& op) {
  const auto rows = static_cast<int64_t>(op.rows.size());
  for (int64_t row = 0; row < rows; ++row)
    std::copy_n(HostMemory::row(op.x_TD, op.rows[static_cast<size_t>(row)]), op.x_TD.width,
                HostMemory::row(op.normed_RD, row));
  const Rows normed = op.normed_RD.first(rows);
  rms_norm({.x_TD = normed, .weight_D = op.norm_D, .epsilon = op.epsilon, .y_TD = normed});
  multiply_head(normed, op.head_VD, op.logits_RV);
}

}  // namespace paddock::kernels
