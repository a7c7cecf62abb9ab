// SPDX-License-Identifier: Apache-2.0
#include "kernels/vector/low_rank.h"

#include <algorithm>

#include "base/check.h"
#include "kernels/host/host_memory.h"

namespace paddock::kernels {
namespace {

constexpr int64_t kPieceOutputs = 256;  // whose sums wait on the stack, and whose weights of one row fill a kilobyte
constexpr int64_t kRowsAtOnce = 64;     // whose sums wait on the stack
constexpr int64_t kNumbersAtOnce =
    32768;  // that a thread takes at least: a few microseconds, as long as it takes to wake it

int64_t pieces_of(const LowRank& update) { return (update.outputs + kPieceOutputs - 1) / kPieceOutputs; }

int64_t at_once(int64_t all, int64_t numbers) {
  return std::max(int64_t{1}, all * kNumbersAtOnce / std::max(int64_t{1}, numbers));
}

// The part that work number `index` is of.
template <typename Parts, typename First>
const auto& part_of(const Parts& parts, First first, int64_t index) {
  return *std::prev(std::ranges::upper_bound(parts, index, {}, first));
}

}  // namespace

size_t LowRankUpdates::private_bytes(const StepShape& step) {
  size_t products = 0;  // rows of all that are updated at once
  for (const ProductSet& set : step.products)
    products = std::max(products, static_cast<size_t>(set.rows) * set.matrices.size());
  return products * static_cast<size_t>(step.update_rank) * sizeof(float);
}

void LowRankUpdates::add(const AddLowRank& op) {
  parts_.clear();
  int64_t narrows = 0, pieces = 0, h = 0, numbers_in = 0, numbers_out = 0;
  for (const UpdatedProduct& product : op.products)
    for (const UpdatedRows& each : product.updates) {
      const LowRank& update = each.update;
      CHECK(update.rank > 0 && product.x.width == update.inputs && product.y.width == update.outputs);
      parts_.push_back({&product, &each, narrows, pieces, h});
      const auto rows = static_cast<int64_t>(each.rows.size());
      narrows += update.rank;
      pieces += pieces_of(update);
      h += rows * update.rank;
      numbers_in += rows * update.rank * update.inputs;
      numbers_out += rows * update.rank * update.outputs;
    }
  if (parts_.empty()) return;
  if (h_.size() < static_cast<size_t>(h)) h_.resize(static_cast<size_t>(h));
  pool_.parallel_for(narrows, at_once(narrows, numbers_in), [&](int64_t begin, int64_t end, int) {
    for (int64_t index = begin; index < end; ++index) {
      const Part& part = part_of(parts_, &Part::first_narrow, index);
      narrow(part, index - part.first_narrow);
    }
  });
  pool_.parallel_for(pieces, at_once(pieces, numbers_out), [&](int64_t begin, int64_t end, int) {
    for (int64_t index = begin; index < end; ++index) {
      const Part& part = part_of(parts_, &Part::first_piece, index);
      widen(part, index - part.first_piece);
    }
  });
}

// h[., j]: rows that follow one another meet the weights together.
void LowRankUpdates::narrow(const Part& part, int64_t j) {
  const LowRank& update = part.of->update;
  const float* weights = HostMemory::floats(update.down) + j * update.inputs;
  const std::span<const int32_t> rows = part.of->rows;
  float sums[kRowsAtOnce];
  for (size_t begin = 0, end = 0; begin < rows.size(); begin = end) {
    while (end < rows.size() && end - begin < kRowsAtOnce &&
           rows[end] == rows[begin] + static_cast<int32_t>(end - begin))
      ++end;
    kernels_.dot_rows(weights, HostMemory::row(part.product->x, rows[begin]), update.inputs,
                      static_cast<int64_t>(end - begin), update.inputs, sums);
    for (size_t row = begin; row < end; ++row)
      h_[static_cast<size_t>(part.first_h + static_cast<int64_t>(row) * update.rank + j)] = sums[row - begin];
  }
}

void LowRankUpdates::widen(const Part& part, int64_t piece) {
  const LowRank& update = part.of->update;
  const int64_t first = piece * kPieceOutputs, outputs = std::min(kPieceOutputs, update.outputs - first);
  const float* up = HostMemory::floats(update.up) + first;
  const float* h = h_.data() + part.first_h;
  float sums[kPieceOutputs];
  for (const int32_t row : part.of->rows) {
    std::fill_n(sums, outputs, 0.0f);
    for (int64_t j = 0; j < update.rank; ++j) kernels_.add_scaled(up + j * update.up_stride, h[j], sums, outputs);
    kernels_.add_scaled(sums, update.scale, HostMemory::row(part.product->y, row) + first, outputs);
    h += update.rank;
  }
}

}  // namespace paddock::kernels
