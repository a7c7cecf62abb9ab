// SPDX-License-Identifier: Apache-2.0
#pragma once
// The inner loops of operations on single rows, one table for each width of registers. Norms and rotation have the
// reference's bits; SiLU differs by the rounding of another exponential. Both tables give the same bits.

#include <cstdint>

namespace paddock::kernels {

struct RowKernels {
  const char* name;
  // y = x / sqrt(mean(x^2) + epsilon) * weight; y may be x.
  void (*rms_norm)(const float* x, const float* weight, int64_t width, float epsilon, float* y);
  // The same over each `head_width` of the row, without a weight, in place.
  void (*head_norm)(float* x, int64_t width, int64_t head_width, float epsilon);
  // gate = silu(gate) * up. May be cut anywhere: an element's result does not depend on its place.
  void (*silu_multiply)(float* gate, const float* up, int64_t count);
  // Rotates the first `rotated` numbers of each head: x[i] = x[i] * cosines[i] + x[partner of i] * sines[i], where
  // partners lie rotated / 2 apart (`halves`) or side by side.
  void (*rotate)(float* x, int64_t width, int64_t head_width, const float* cosines, const float* sines, int64_t rotated,
                 bool halves);
};

// Call only where the processor has the feature.
namespace avx2 {
extern const RowKernels kRowKernels;
}
namespace avx512 {
extern const RowKernels kRowKernels;
}

}  // namespace paddock::kernels
