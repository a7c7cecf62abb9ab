// SPDX-License-Identifier: Apache-2.0
#pragma once
// The largest step that a machine will be asked for, as far as it decides how much the machine keeps for itself.

#include <cstdint>
#include <vector>

#include "kernels/contracts/memory.h"

namespace paddock::kernels {

// How much the rounding of activations in a product moves the answers (docs/log.md): a machine may spend more on what
// moves them most.
enum class ProductRole {
  kUsual,
  kSensitive,  // queries, keys and values; a network's gate, and from its inner width back to the model's
  kHead,       // meets only the rows that are sampled
};

// Matrices that multiply the same rows in one operation.
struct ProductSet {
  struct Stored {
    tensor::DType dtype = tensor::DType::kF32;
    MatrixOrder order = MatrixOrder::kOutputMajor;
    ProductRole role = ProductRole::kUsual;
    bool operator==(const Stored&) const = default;
  };
  int64_t inputs = 0;
  int64_t rows = 0;
  int64_t groups = 1;  // that the rows fall into, each with matrices of its own: experts
  std::vector<Stored> matrices;
  bool operator==(const ProductSet&) const = default;
};

struct StepShape {
  int64_t tokens = 0;  // T
  int64_t width = 0;   // D
  int64_t query_heads = 0;
  int64_t kv_heads = 0;
  int64_t head_width = 0;
  int64_t page_positions = 0;
  std::vector<ProductSet> products;  // each that differs from the others
  int64_t update_rank = 0;           // the highest of a low-rank update; 0: there are none
};

}  // namespace paddock::kernels
