// SPDX-License-Identifier: Apache-2.0
#include "train/adapter.h"

#include <algorithm>

namespace paddock::train {

std::optional<LowRank> Adapter::update(size_t parameter, int64_t expert, kernels::Address weights,
                                       kernels::Address gradients) const {
  const auto found = file_.updates().find(parameter);
  if (found == file_.updates().end()) return {};
  const llama4::AdapterUpdate& update = found->second;
  const int64_t rank = update.rank;
  // [rows, columns] at an offset, strides given.
  const auto plane = [](kernels::Address block, int64_t offset, int64_t rows, int64_t columns, int64_t row_stride,
                        int64_t column_stride) -> kernels::Plane {
    if (block.is_null()) return {};
    return {block.plus(static_cast<size_t>(offset) * sizeof(float)), rows, columns, row_stride, column_stride};
  };
  // A_e [r, width of A] and B_e [height of B, r].
  const bool first = update.experts == 0 ? false : update.layout == ExpertLayout::kInputsFirst;
  const int64_t a_width = first ? update.outputs : update.inputs, b_height = first ? update.inputs : update.outputs;
  const int64_t experts = std::max<int64_t>(update.experts, 1);
  const auto a = [&](kernels::Address block) {
    return plane(block, update.a + expert * rank * a_width, rank, a_width, a_width, 1);
  };
  const auto b = [&](kernels::Address block) {
    return plane(block, update.b + expert, b_height, rank, experts * rank, experts);
  };
  // y += scale x down up: B A where inputs come first, (B A)^T = A^T B^T where outputs do, as in a Linear layer.
  LowRank low;
  low.scale = update.scale;
  low.down = first ? b(weights) : a(weights).transposed();
  low.up = first ? a(weights) : b(weights).transposed();
  low.ddown = first ? b(gradients) : a(gradients).transposed();
  low.dup = first ? a(gradients) : b(gradients).transposed();
  return low;
}

}  // namespace paddock::train
