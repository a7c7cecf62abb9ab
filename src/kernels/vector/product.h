// SPDX-License-Identifier: Apache-2.0
#pragma once
// Products of weights with packed activations: what a target (avx2, avx512, amx) implements for each stored format. A
// kernel keeps one order of sums for each output, whatever the number of tokens and outputs it is called with.

#include <cstddef>
#include <cstdint>

#include "kernels/contracts/arithmetic.h"
#include "tensor/dtype.h"

namespace paddock::kernels {

// How a target wants activations: once a row, used for every weight it meets.
struct Packing {
  // Bytes of `tokens` packed rows, a multiple of 64.
  size_t (*bytes)(int64_t tokens, int64_t inputs);
  // Packs rows [first, first + count) of `tokens` rows that lie `stride` floats apart; `first` is a multiple of
  // kTokenBlock.
  void (*pack)(const float* x, int64_t stride, int64_t tokens, int64_t inputs, int64_t first, int64_t count,
               std::byte* packed);
};

inline constexpr int64_t kTokenBlock = 16;    // rows that are packed together
inline constexpr int64_t kOutputBlock = 32;   // outputs of a piece are a multiple of it, except at a matrix's end
inline constexpr int64_t kMostOutputs = 256;  // of one piece
inline constexpr int64_t kMostTokens = 512;   // packed together

// y[token][output] (+)= scale[output] * sum over i of W[output, i] * x[token, i] for some outputs of a matrix.
struct ProductPiece {
  tensor::DType dtype;
  const std::byte* weights;  // of the first output
  size_t row_stride;         // bytes from one output's weights to the next's
  int64_t inputs;
  int64_t outputs;      // at most kMostOutputs
  const std::byte* x;   // packed by the kernel's packing
  int64_t tokens;       // as packed, at most kMostTokens
  const float* scales;  // [outputs], or null: all 1
  float* y;             // of the first token and the first output
  int64_t y_stride;     // floats from one token to the next
  bool add;
  std::byte* scratch;  // ProductKernel::scratch_bytes, aligned to 64 bytes
};

struct ProductKernel {
  const char* name;  // "AMX bf16"
  Arithmetic arithmetic;
  const Packing* packing;
  size_t scratch_bytes;  // of one thread
  void (*multiply)(const ProductPiece& piece);
};

// Null where the target has none for the format. Call what they return only where the processor has the features.
// Fine kernels round activations to sixteen bits instead of eight, as all of avx2 without VNNI do.
namespace amx {
const ProductKernel* product_kernel(tensor::DType dtype);  // tiles
const ProductKernel* head_kernel(tensor::DType dtype);     // for the few rows of which logits are wanted
}  // namespace amx
namespace avx512 {
const ProductKernel* product_kernel(tensor::DType dtype);  // int8, VNNI
const ProductKernel* fine_product_kernel(tensor::DType dtype);
}  // namespace avx512
namespace avx2 {
const ProductKernel* product_kernel(tensor::DType dtype);       // int16
const ProductKernel* vnni_product_kernel(tensor::DType dtype);  // int8, AVX-VNNI
const ProductKernel* fine_vnni_product_kernel(tensor::DType dtype);
}  // namespace avx2

}  // namespace paddock::kernels
