// SPDX-License-Identifier: Apache-2.0
#pragma once
// The inner loops of training, one table for each target. Matrices are packed in panels: of A [depth][panel_rows], of B
// [depth][panel_columns], zeros where a panel is not full.

#include <cstddef>
#include <cstdint>

namespace paddock::kernels {

// Numbers of a matrix from one place on: (row, column) at from[row * row_stride + column * column_stride].
struct StridedFloats {
  const float* from;
  int64_t row_stride, column_stride;
};

// contracts/training/adamw.h with everything that is the same for all parameters.
struct AdamWFactors {
  float clip, beta1, beta2;
  float first_scale, second_scale;  // 1 / (1 - beta^step)
  float keep;                       // 1 - rate decay
  float rate, epsilon;
};

// Products of packed panels.
struct TrainingProducts {
  int64_t panel_rows, panel_columns;
  int64_t depth;        // numbers of A and B that are packed side by side at most: what caches hold
  int64_t depth_step;   // a panel's depth is filled up to a multiple of it
  size_t number_bytes;  // of a packed number

  // Around the products of a thread; null: nothing to prepare.
  void (*begin)();
  void (*end)();
  // One panel: `rows` (or `columns`) of it exist, `depth` numbers each.
  void (*pack_rows)(const StridedFloats& a, int64_t rows, int64_t depth, void* packed);
  void (*pack_columns)(const StridedFloats& b, int64_t columns, int64_t depth, void* packed);
  // c = (or +=) scale * the product of two panels. Only `rows` and `columns` of c exist; rows lie `stride` apart.
  void (*multiply)(const void* a, const void* b, int64_t depth, int64_t rows, int64_t columns, float scale, bool add,
                   float* c, int64_t stride);
};

struct TrainingKernels {
  const char* name;
  TrainingProducts products;  // of float32

  // Rows of numbers. [a | b] of `width` each: h = silu(a) b; and with dh: (a, b) become their gradients.
  void (*silu_product)(const float* a, const float* b, int64_t width, float* inner);
  void (*silu_product_backward)(float* a, float* b, const float* dinner, int64_t width);
  // sum of exp(x - largest), where `largest` is the greatest of them.
  double (*exponential_sum)(const float* x, int64_t count, float* largest);
  // x = weight * exp(x - shift)
  void (*scaled_exponential)(float* x, int64_t count, float shift, float weight);
  // Of a group of `width` numbers (contracts/training/norm_backward.h); `weight` null: 1; with `add`, dx +=. What the
  // group adds to dw is added to `dweight`, unless that is null.
  void (*norm_backward)(const float* x, const float* weight, const float* dy, int64_t width, float epsilon, bool add,
                        float* dx, float* dweight);
  void (*adamw)(const AdamWFactors& factors, int64_t count, const float* gradients, float* weights, float* first,
                float* second);
};

// Call only where the processor has the feature.
namespace avx2 {
extern const TrainingKernels kTrainingKernels;
}
namespace avx512 {
extern const TrainingKernels kTrainingKernels;
}
namespace amx {
extern const TrainingProducts kRoundedProducts;  // of bfloat16, on tiles
}

}  // namespace paddock::kernels
