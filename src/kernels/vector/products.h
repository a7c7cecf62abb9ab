// SPDX-License-Identifier: Apache-2.0
#pragma once
// Products of a step spread over threads: rows are packed once, each weight is unpacked once for all of its rows.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "kernels/contracts/step_shape.h"
#include "kernels/vector/product.h"

namespace paddock::kernels {

// y (+)= W x
struct Product {
  Rows x;
  const Matrix* weights;
  Rows y;
  bool add;
  ProductRole role = ProductRole::kUsual;
};

// What a target has for each role.
struct ProductKernels {
  using Choose = const ProductKernel* (*)(tensor::DType dtype);
  Choose usual, sensitive, head;

  Choose of(ProductRole role) const {
    return role == ProductRole::kUsual ? usual : role == ProductRole::kSensitive ? sensitive : head;
  }
};

class Products {
 public:
  Products(ThreadPool* pool, const ProductKernels& kernels) : pool_(*pool), kernels_(kernels) {}

  // Null where the matrix has to be multiplied some other way.
  const ProductKernel* kernel_of(const Product& product) const {
    return kernel_of({product.weights->dtype, product.weights->order, product.role});
  }
  const ProductKernel* kernel_of(const ProductSet::Stored& matrix) const;

  // All of them, in any order: no two write the same numbers. Each has a kernel.
  void multiply(std::span<const Product> products);

  // Bytes kept after any of these products, of those that have kernels; of a step of at most `tokens`.
  size_t most_bytes(std::span<const ProductSet> sets, int64_t tokens) const;

 private:
  // Rows that are packed together, for all products that want them so.
  struct Packed {
    const float* x;
    int64_t stride, tokens, inputs;
    const Packing* packing;
    size_t offset;
    int64_t first_block;  // of all blocks of rows in this wave
  };
  // The rows of a product that are packed together, against all of its outputs.
  struct Part {
    const Product* product;
    const ProductKernel* kernel;
    size_t packed;  // index
    int64_t first_token, tokens;
    int64_t outputs_at_once;
    int64_t first_piece;  // of all pieces in this wave
  };
  using Bytes = std::vector<std::byte>;

  size_t packed_bytes(const ProductSet& set, int64_t tokens) const;
  size_t plan_wave(std::span<const Product> products);
  size_t packed_for(const Part& part);
  void pack_block(int64_t block);
  void multiply_piece(int64_t piece, int thread);
  std::byte* scratch(int thread, size_t bytes);

  ThreadPool& pool_;
  ProductKernels kernels_;
  // Of the wave in flight; kept because allocating them costs as much as a small product.
  std::vector<Packed> packed_;
  std::vector<Part> parts_;
  int64_t blocks_ = 0, pieces_ = 0;
  size_t packed_size_ = 0;
  Bytes packed_bytes_;
  std::vector<Bytes> scratch_;  // one for each thread
};

}  // namespace paddock::kernels
