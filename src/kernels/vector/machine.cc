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

VectorMachine::VectorMachine(const Target& target, int threads, bool exact)
    : ReferenceMachine(threads),
      target_(target),
      attention_(*target.attend, &pool_),
      rows_(*target.rows, &pool_),
      tower_(*target.tower, *target.floats, &pool_),
      low_rank_(*target.floats, &pool_),
      products_(&pool_, target.products),
      exact_(exact) {}

std::string VectorMachine::path_of(tensor::DType dtype) const {
  if (const ProductKernel* kernel = exact_ ? nullptr : target_.products.usual(dtype)) return kernel->name;
  const std::string products = std::string(target_.floats->name) + " float32, bit for bit the reference's";
  return dtype == tensor::DType::kF32 ? products : "decoded row by row, " + products;
}

Arithmetic VectorMachine::arithmetic_of(tensor::DType dtype) const {
  const ProductKernel* kernel = exact_ ? nullptr : target_.products.usual(dtype);
  return kernel == nullptr ? Arithmetic::kFloat32 : kernel->arithmetic;
}

bool VectorMachine::runs_in_floats(const ProductSet& set) const {
  return exact_ || std::any_of(set.matrices.begin(), set.matrices.end(), [&](const ProductSet::Stored& matrix) {
           return products_.kernel_of(matrix) == nullptr;
         });
}

size_t VectorMachine::private_bytes(const StepShape& step) const {
  int64_t floats = 0;  // of one thread, where products run in float32
  for (const ProductSet& set : step.products)
    if (runs_in_floats(set)) floats = std::max(floats, product_floats(set, step.tokens));
  return static_cast<size_t>(threads()) * static_cast<size_t>(floats) * sizeof(float) +
         (exact_ ? 0 : products_.most_bytes(step.products, step.tokens)) +
         PagedAttention::private_bytes(step.query_heads / step.kv_heads, step.head_width, threads()) +
         RowOperations::private_bytes(step.width, step.head_width, step.tokens) + LowRankUpdates::private_bytes(step);
}

void VectorMachine::multiply(const Rows& x, const Matrix& weights, const Rows& y, bool add) {
  const Product product = {x, &weights, y, add};
  multiply_all({&product, 1});
}

void VectorMachine::multiply_all(std::span<const Product> products) {
  batch_.clear();
  for (const Product& product : products)
    if (!exact_ && products_.kernel_of(product) != nullptr)
      batch_.push_back(product);
    else
      multiply_floats(product);
  products_.multiply(batch_);
}

void VectorMachine::multiply_head(const Rows& x, const Matrix& weights, const Rows& y) {
  const Product product = {x, &weights, y, false, ProductRole::kHead};
  multiply_all({&product, 1});
}

void VectorMachine::project_qkv(const ProjectQkv& op) {
  const auto role = ProductRole::kSensitive;
  const Product products[] = {{op.x_TD, &op.wq, op.q_TNH, false, role},
                              {op.x_TD, &op.wk, op.k_TGH, false, role},
                              {op.x_TD, &op.wv, op.v_TGH, false, role}};
  multiply_all(products);
}

void VectorMachine::mlps(std::span<const Mlp> ops) {
  std::vector<Product> products;
  std::vector<UpdatedProduct> updated;
  for (const Mlp& op : ops) {
    products.push_back({op.x_TD, &op.gate, op.gate_TF, false, ProductRole::kSensitive});
    products.push_back({op.x_TD, &op.up, op.up_TF, false});
    if (!op.gate_updates.empty()) updated.push_back({op.x_TD, op.gate_TF, op.gate_updates});
    if (!op.up_updates.empty()) updated.push_back({op.x_TD, op.up_TF, op.up_updates});
  }
  multiply_all(products);
  add_low_rank({updated});
  products.clear();
  updated.clear();
  for (const Mlp& op : ops) {
    silu_multiply(op);
    products.push_back({op.gate_TF.first(op.x_TD.rows), &op.down, op.y_TD, true, ProductRole::kSensitive});
    if (!op.down_updates.empty()) updated.push_back({op.gate_TF, op.y_TD, op.down_updates});
  }
  multiply_all(products);
  add_low_rank({updated});
}

void VectorMachine::multiply_floats(const Product& product) {
  const Matrix& weights = *product.weights;
  CHECK(product.x.width == weights.inputs && product.y.width == weights.outputs && product.x.rows <= product.y.rows);
  if (weights.order == MatrixOrder::kOutputMajor)
    multiply_output_major(product.x, weights, product.y, product.add);
  else
    multiply_input_major(product.x, weights, product.y, product.add);
}

void VectorMachine::multiply_output_major(const Rows& x, const Matrix& weights, const Rows& y, bool add) {
  const std::byte* stored = HostMemory::bytes(weights.weights);
  pool_.parallel_for(weights.outputs, 16, [&](int64_t begin, int64_t end, int thread) {
    float* row = scratch(thread, weights.inputs);
    float sums[kRowsAtOnce];
    for (int64_t output = begin; output < end; ++output) {
      target_.floats->decode_row(weights.dtype, stored + static_cast<size_t>(output) * weights.row_stride, row,
                                 weights.inputs);
      const float scale = scale_of(weights, output);
      for (int64_t first = 0; first < x.rows; first += kRowsAtOnce) {
        const int64_t rows = std::min(kRowsAtOnce, x.rows - first);
        target_.floats->dot_rows(row, HostMemory::row(x, first), x.width, rows, weights.inputs, sums);
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
        target_.floats->decode_row(weights.dtype, column + static_cast<size_t>(input) * weights.row_stride, row,
                                   outputs);
        for (int64_t token = 0; token < x.rows; ++token)
          target_.floats->add_scaled(row, HostMemory::row(x, token)[input], sums_TO + token * outputs, outputs);
      }
      for (int64_t token = 0; token < x.rows; ++token)
        for (int64_t output = 0; output < outputs; ++output)
          store(scale_of(weights, begin + output) * sums_TO[token * outputs + output],
                HostMemory::row(y, token) + begin + output, add);
    }
  });
}

}  // namespace paddock::kernels
