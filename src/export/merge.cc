// SPDX-License-Identifier: Apache-2.0
#include "export/merge.h"

#include <vector>

#include "base/check.h"

namespace paddock::exporting {
namespace {

using train::ExpertLayout;

// A and B of one matrix or expert as functions of two indices.
struct Factors {
  const float* a;  // [r, a_width], rows one after another
  const float* b;  // [b_height, r], strides given
  int64_t a_width, b_height, rank, b_row, b_column;

  // sums[0 .. a_width) = row `row` of B A.
  void product_row(int64_t row, std::vector<double>& sums) const {
    sums.assign(static_cast<size_t>(a_width), 0.0);
    for (int64_t index = 0; index < rank; ++index) {
      const double factor = b[row * b_row + index * b_column];
      const float* const from = a + index * a_width;
      for (int64_t column = 0; column < a_width; ++column) sums[static_cast<size_t>(column)] += factor * from[column];
    }
  }
};

Factors factors_of(const train::AdapterUpdate& update, std::span<const float> block, int64_t expert) {
  const float *const a = block.data() + update.a, *const b = block.data() + update.b;
  if (update.experts == 0) return {a, b, update.inputs, update.outputs, update.rank, update.rank, 1};
  const bool inputs_first = update.layout == ExpertLayout::kInputsFirst;
  const int64_t a_width = inputs_first ? update.outputs : update.inputs;
  return {a + expert * update.rank * a_width,
          b + expert,
          a_width,
          inputs_first ? update.inputs : update.outputs,
          update.rank,
          update.rank * update.experts,
          update.experts};
}

}  // namespace

void add_update(const train::AdapterUpdate& update, std::span<const float> block, int64_t expert,
                std::span<float> weights) {
  CHECK(static_cast<int64_t>(weights.size()) == update.inputs * update.outputs);
  const Factors factors = factors_of(update, block, expert);
  // Rows of B A are rows of what is stored, except in the layout that has experts' outputs first.
  const bool turned = update.experts > 0 && update.layout == ExpertLayout::kOutputsFirst;
  const int64_t row_step = turned ? 1 : factors.a_width, column_step = turned ? factors.b_height : 1;
  std::vector<double> sums;
  for (int64_t row = 0; row < factors.b_height; ++row) {
    factors.product_row(row, sums);
    for (int64_t column = 0; column < factors.a_width; ++column) {
      float& weight = weights[static_cast<size_t>(row * row_step + column * column_step)];
      weight = static_cast<float>(weight + update.scale * sums[static_cast<size_t>(column)]);
    }
  }
}

}  // namespace paddock::exporting
