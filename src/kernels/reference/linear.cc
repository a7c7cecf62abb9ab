// SPDX-License-Identifier: Apache-2.0
// y[t, o] (+)= f( sum over i of W[o, i] * x[t, i] + bias[o] )
#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "kernels/host/host_blocks.h"
#include "kernels/reference/machine.h"
#include "kernels/reference/output.h"
#include "tensor/decode.h"

namespace paddock::kernels {
namespace {

constexpr int64_t kInputsOfSum = 64;  // sums of so many are added up: their errors grow less than those of one long sum

float activated(float x, Activation activation) {
  if (activation == Activation::kNone) return x;
  return 0.5f * x * (1.0f + std::erf(x * 0.70710678f));
}

// sums[lane] = sum over i of weights[i] * x[i][lane]
void dot_block(const float* weights, const float* x, int64_t inputs, float (&sums)[kBlockRows]) {
  std::fill_n(sums, kBlockRows, 0.0f);
  for (int64_t first = 0; first < inputs; first += kInputsOfSum) {
    float part[kBlockRows] = {};
    for (int64_t input = first; input < std::min(inputs, first + kInputsOfSum); ++input)
      for (int64_t lane = 0; lane < kBlockRows; ++lane) part[lane] += weights[input] * x[input * kBlockRows + lane];
    for (int64_t lane = 0; lane < kBlockRows; ++lane) sums[lane] += part[lane];
  }
}

}  // namespace

void ReferenceMachine::linear(const Linear& op) {
  for (const LinearOutput& output : op.outputs) {
    const Matrix& weights = output.weights;
    CHECK(weights.inputs == op.x.width && weights.outputs == output.y.width && op.x.rows <= output.y.rows);
    CHECK(weights.order == MatrixOrder::kOutputMajor);
    std::vector<float> bias(static_cast<size_t>(weights.outputs), 0.0f);
    if (!output.bias.weights.is_null())
      tensor::decode_row(output.bias.dtype, HostMemory::bytes(output.bias.weights), bias.data(), weights.outputs);
    pool_.parallel_for(weights.outputs, 16, [&](int64_t begin, int64_t end, int thread) {
      float* row = scratch(thread, weights.inputs);
      for (int64_t index = begin; index < end; ++index) {
        tensor::decode_row(weights.dtype,
                           HostMemory::bytes(weights.weights) + static_cast<size_t>(index) * weights.row_stride, row,
                           weights.inputs);
        const float scale = scale_of(weights, index);
        for (int64_t block = 0; block < op.x.blocks(); ++block) {
          float sums[kBlockRows];
          dot_block(row, block_at(op.x, block), weights.inputs, sums);
          float* y = block_at(output.y, block) + index * kBlockRows;
          for (int64_t lane = 0; lane < kBlockRows; ++lane)
            store(activated(scale * sums[lane] + bias[static_cast<size_t>(index)], op.activation), y + lane, op.add);
        }
      }
    });
  }
}

size_t ReferenceMachine::tile_private_bytes(int64_t inputs, int64_t, int64_t tile_rows) const {
  return static_cast<size_t>(threads()) * static_cast<size_t>(std::max(inputs, tile_rows)) * sizeof(float) +
         static_cast<size_t>(2 * inputs) * sizeof(float);
}

}  // namespace paddock::kernels
