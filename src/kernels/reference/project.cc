// SPDX-License-Identifier: Apache-2.0
// y[t, o] = scale[o] * sum over i of W[o, i] * x[t, i]
#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "kernels/host/host_memory.h"
#include "kernels/reference/machine.h"
#include "kernels/reference/output.h"
#include "kernels/reference/sums.h"
#include "tensor/decode.h"

namespace paddock::kernels {
namespace {

// Outputs [begin, end) of W[output][input]: each row is decoded once and used for every token.
void multiply_output_major(const Rows& x, const Matrix& weights, const Rows& y, bool add, int64_t begin, int64_t end,
                           float* row) {
  const std::byte* stored = HostMemory::bytes(weights.weights);
  for (int64_t output = begin; output < end; ++output) {
    tensor::decode_row(weights.dtype, stored + static_cast<size_t>(output) * weights.row_stride, row, weights.inputs);
    const float scale = scale_of(weights, output);
    for (int64_t token = 0; token < x.rows; ++token)
      store(scale * dot(row, HostMemory::row(x, token), weights.inputs), HostMemory::row(y, token) + output, add);
  }
}

// Outputs [begin, end), at most kOutputsAtOnce, of W[input][output]: sums run over the inputs in order.
void multiply_input_major(const Rows& x, const Matrix& weights, const Rows& y, bool add, int64_t begin, int64_t end,
                          float* scratch) {
  const int64_t outputs = end - begin;
  float* sums_TO = scratch;
  float* row = scratch + x.rows * outputs;
  std::fill_n(sums_TO, x.rows * outputs, 0.0f);
  const std::byte* stored = HostMemory::bytes(weights.weights) + tensor::row_bytes(weights.dtype, begin);
  for (int64_t input = 0; input < weights.inputs; ++input) {
    tensor::decode_row(weights.dtype, stored + static_cast<size_t>(input) * weights.row_stride, row, outputs);
    for (int64_t token = 0; token < x.rows; ++token) {
      const float factor = HostMemory::row(x, token)[input];
      float* sums = sums_TO + token * outputs;
      for (int64_t output = 0; output < outputs; ++output) sums[output] += row[output] * factor;
    }
  }
  for (int64_t token = 0; token < x.rows; ++token)
    for (int64_t output = 0; output < outputs; ++output)
      store(scale_of(weights, begin + output) * sums_TO[token * outputs + output],
            HostMemory::row(y, token) + begin + output, add);
}

}  // namespace

void ReferenceMachine::multiply(const Rows& x, const Matrix& weights, const Rows& y, bool add) {
  CHECK(x.width == weights.inputs && y.width == weights.outputs && x.rows <= y.rows);
  if (weights.order == MatrixOrder::kOutputMajor) {
    pool_.parallel_for(weights.outputs, 16, [&](int64_t begin, int64_t end, int thread) {
      multiply_output_major(x, weights, y, add, begin, end, scratch(thread, weights.inputs));
    });
    return;
  }
  CHECK(!tensor::is_block_format(weights.dtype));
  const int64_t groups = (weights.outputs + kOutputsAtOnce - 1) / kOutputsAtOnce;
  pool_.parallel_for(groups, 1, [&](int64_t begin, int64_t end, int thread) {
    float* mine = scratch(thread, (x.rows + 1) * kOutputsAtOnce);
    for (int64_t group = begin; group < end; ++group)
      multiply_input_major(x, weights, y, add, group * kOutputsAtOnce,
                           std::min((group + 1) * kOutputsAtOnce, weights.outputs), mine);
  });
}

void ReferenceMachine::project(const Project& op) { multiply(op.x_TD, op.weights, op.y_TO, op.add); }

void ReferenceMachine::project_qkv(const ProjectQkv& op) {
  multiply(op.x_TD, op.wq, op.q_TNH, false);
  multiply(op.x_TD, op.wk, op.k_TGH, false);
  multiply(op.x_TD, op.wv, op.v_TGH, false);
}

// gate = silu(gate) * up
void ReferenceMachine::silu_multiply(const Mlp& op) {
  pool_.parallel_for(op.x_TD.rows, 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t token = begin; token < end; ++token) {
      float* gate = HostMemory::row(op.gate_TF, token);
      const float* up = HostMemory::row(op.up_TF, token);
      for (int64_t index = 0; index < op.gate_TF.width; ++index)
        gate[index] = gate[index] / (1.0f + std::exp(-gate[index])) * up[index];
    }
  });
}

void ReferenceMachine::mlp(const Mlp& op) { mlps({&op, 1}); }

void ReferenceMachine::mlps(std::span<const Mlp> ops) {
  for (const Mlp& op : ops) {
    multiply(op.x_TD, op.gate, op.gate_TF, false);
    multiply(op.x_TD, op.up, op.up_TF, false);
    const UpdatedProduct inner[] = {{op.x_TD, op.gate_TF, op.gate_updates}, {op.x_TD, op.up_TF, op.up_updates}};
    add_low_rank({inner});
    silu_multiply(op);
    multiply(op.gate_TF.first(op.x_TD.rows), op.down, op.y_TD, true);
    const UpdatedProduct outer = {op.gate_TF, op.y_TD, op.down_updates};
    add_low_rank({{&outer, 1}});
  }
}

}  // namespace paddock::kernels
