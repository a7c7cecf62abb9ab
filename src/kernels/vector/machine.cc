// SPDX-License-Identifier: Apache-2.0
#include "kernels/vector/machine.h"

#include <algorithm>

#include "base/check.h"
#include "kernels/host/host_memory.h"
#include "kernels/reference/output.h"
#include "tensor/decode.h"

namespace paddock::kernels {
namespace {

constexpr int64_t kRowsAtOnce = 32;  // tokens whose sums wait on the stack

}  // namespace

std::string VectorMachine::path_of(tensor::DType dtype) const {
  const std::string products = std::string(kernels_.name) + " float32, bit for bit the reference's";
  return dtype == tensor::DType::kF32 ? products : "decoded row by row, " + products;
}

void VectorMachine::multiply(const Rows& x, const Matrix& weights, const Rows& y, bool add) {
  CHECK(x.width == weights.inputs && y.width == weights.outputs && x.rows <= y.rows);
  if (weights.order == MatrixOrder::kOutputMajor)
    multiply_output_major(x, weights, y, add);
  else
    multiply_input_major(x, weights, y, add);
}

void VectorMachine::multiply_output_major(const Rows& x, const Matrix& weights, const Rows& y, bool add) {
  const std::byte* stored = HostMemory::bytes(weights.weights);
  pool_.parallel_for(weights.outputs, 16, [&](int64_t begin, int64_t end, int thread) {
    float* row = scratch(thread, weights.inputs);
    float sums[kRowsAtOnce];
    for (int64_t output = begin; output < end; ++output) {
      tensor::decode_row(weights.dtype, stored + static_cast<size_t>(output) * weights.row_stride, row, weights.inputs);
      const float scale = scale_of(weights, output);
      for (int64_t first = 0; first < x.rows; first += kRowsAtOnce) {
        const int64_t rows = std::min(kRowsAtOnce, x.rows - first);
        kernels_.dot_rows(row, HostMemory::row(x, first), x.width, rows, weights.inputs, sums);
        for (int64_t index = 0; index < rows; ++index)
          store(scale * sums[index], HostMemory::row(y, first + index) + output, add);
      }
    }
  });
}

void VectorMachine::multiply_input_major(const Rows& x, const Matrix& weights, const Rows& y, bool add) {
  CHECK(!tensor::is_block_format(weights.dtype));
  const std::byte* stored = HostMemory::bytes(weights.weights);
  const int64_t groups = (weights.outputs + kOutputsAtOnce - 1) / kOutputsAtOnce;
  pool_.parallel_for(groups, 1, [&](int64_t begin_group, int64_t end_group, int thread) {
    float* sums_TO = scratch(thread, (x.rows + 1) * kOutputsAtOnce);
    for (int64_t group = begin_group; group < end_group; ++group) {
      const int64_t begin = group * kOutputsAtOnce, outputs = std::min(kOutputsAtOnce, weights.outputs - begin);
      float* row = sums_TO + x.rows * outputs;
      std::fill_n(sums_TO, x.rows * outputs, 0.0f);
      const std::byte* column = stored + tensor::row_bytes(weights.dtype, begin);
      for (int64_t input = 0; input < weights.inputs; ++input) {
        tensor::decode_row(weights.dtype, column + static_cast<size_t>(input) * weights.row_stride, row, outputs);
        for (int64_t token = 0; token < x.rows; ++token)
          kernels_.add_scaled(row, HostMemory::row(x, token)[input], sums_TO + token * outputs, outputs);
      }
      for (int64_t token = 0; token < x.rows; ++token)
        for (int64_t output = 0; output < outputs; ++output)
          store(scale_of(weights, begin + output) * sums_TO[token * outputs + output],
                HostMemory::row(y, token) + begin + output, add);
    }
  });
}

}  // namespace paddock::kernels
