// SPDX-License-Identifier: Apache-2.0
// y = (x - mean(x)) / sqrt(mean((x - mean(x))^2) + eps) * weight + bias
#include <cmath>

#include "kernels/host/host_blocks.h"
#include "kernels/reference/machine.h"
#include "tensor/decode.h"

namespace paddock::kernels {

void ReferenceMachine::layer_norm(const LayerNorm& op) {
  const int64_t width = op.x.width;
  std::vector<float> weight(static_cast<size_t>(width)), bias(weight.size());
  tensor::decode_row(op.weight.dtype, HostMemory::bytes(op.weight.weights), weight.data(), width);
  tensor::decode_row(op.bias.dtype, HostMemory::bytes(op.bias.weights), bias.data(), width);
  for (int64_t row = 0; row < op.x.rows; ++row) {
    const float* x = block_at(op.x, row / kBlockRows) + row % kBlockRows;
    float* y = block_at(op.y, row / kBlockRows) + row % kBlockRows;
    double sum = 0, squares = 0;
    for (int64_t index = 0; index < width; ++index) sum += x[index * kBlockRows];
    const double mean = sum / static_cast<double>(width);
    for (int64_t index = 0; index < width; ++index) {
      const double away = x[index * kBlockRows] - mean;
      squares += away * away;
    }
    const double scale = 1 / std::sqrt(squares / static_cast<double>(width) + op.epsilon);
    for (int64_t index = 0; index < width; ++index) {
      const auto normed = static_cast<float>((x[index * kBlockRows] - mean) * scale);
      y[index * kBlockRows] = normed * weight[static_cast<size_t>(index)] + bias[static_cast<size_t>(index)];
    }
  }
}

void ReferenceMachine::add_table(const AddTable& op) {
  for (int64_t block = 0; block < op.x.blocks(); ++block) {
    float* x = block_at(op.x, block);
    const float* table = block_at(op.table, block % op.table.blocks());
    for (int64_t index = 0; index < op.x.width * kBlockRows; ++index) x[index] += table[index];
  }
}

}  // namespace paddock::kernels
