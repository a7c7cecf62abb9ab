// SPDX-License-Identifier: Apache-2.0
#pragma once
// The machine of an ordinary processor: the reference's operations, done by what the processor has. Products run on
// packed rows in small arithmetic (kernels/vector/products.h) or, when exact, and where a format has no such kernel, in
// float32 with the reference's bits.

#include <memory>
#include <string>

#include "kernels/reference/machine.h"
#include "kernels/vector/attention.h"
#include "kernels/vector/float_kernels.h"
#include "kernels/vector/low_rank.h"
#include "kernels/vector/products.h"
#include "kernels/vector/row_operations.h"
#include "kernels/vector/tower.h"

namespace paddock::kernels {

// What a processor offers, as users name it.
struct Target {
  const char* name;
  const FloatKernels* floats;
  const AttendKernels* attend;
  const RowKernels* rows;
  const TowerKernels* tower;
  ProductKernels products;
};

class VectorMachine : public ReferenceMachine {
 public:
  // `exact`: activations stay float32 in all products.
  VectorMachine(const Target& target, int threads, bool exact);

  std::string_view name() const override { return target_.name; }
  std::string path_of(tensor::DType dtype) const override;
  Arithmetic arithmetic_of(tensor::DType dtype) const override;
  size_t private_bytes(const StepShape& step) const override;

  void rms_norm(const RmsNorm& op) override { rows_.rms_norm(op); }
  void head_norm(const HeadNorm& op) override { rows_.head_norm(op); }
  void project_qkv(const ProjectQkv& op) override;
  void rotate(const Rotate& op) override { rows_.rotate(op); }
  void append_kv(const AppendKv& op) override { attention_.append_kv(op); }
  void attend(const Attend& op) override { attention_.attend(op); }
  void add_low_rank(const AddLowRank& op) override { low_rank_.add(op); }
  void layer_norm(const LayerNorm& op) override { tower_.layer_norm(op); }
  void linear(const Linear& op) override { tower_.linear(op); }
  void attend_tiles(const AttendTiles& op) override { tower_.attend(op); }
  size_t tile_private_bytes(int64_t inputs, int64_t head_width, int64_t tile_rows) const override {
    return Tower::private_bytes(*target_.tower, inputs, head_width, tile_rows, threads());
  }

 protected:
  void multiply(const Rows& x, const Matrix& weights, const Rows& y, bool add) override;
  void multiply_head(const Rows& x, const Matrix& weights, const Rows& y) override;
  void mlps(std::span<const Mlp> ops) override;
  void silu_multiply(const Mlp& op) override { rows_.silu_multiply(op.gate_TF.first(op.x_TD.rows), op.up_TF); }

 private:
  void multiply_all(std::span<const Product> products);
  void multiply_output_major(const Rows& x, const Matrix& weights, const Rows& y, bool add);
  void multiply_input_major(const Rows& x, const Matrix& weights, const Rows& y, bool add);
  void multiply_floats(const Product& product);
  // Whether any of its matrices has no kernel.
  bool runs_in_floats(const ProductSet& set) const;

  const Target target_;
  PagedAttention attention_;
  RowOperations rows_;
  Tower tower_;
  LowRankUpdates low_rank_;
  Products products_;
  bool exact_;
  std::vector<Product> batch_;  // scratch
};

}  // namespace paddock::kernels
