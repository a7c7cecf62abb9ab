// SPDX-License-Identifier: Apache-2.0
#pragma once
// Adam with decoupled decay                                                       (Loshchilov and Hutter, arXiv
// 1711.05101)

#include <cstddef>
#include <cstdint>

#include "kernels/contracts/memory.h"

namespace paddock::kernels {

// kF32    float32 [count]
// kBytes  a byte each, a small floating-point number beside the largest of its block of 256 neighbours: three bits of
//         mantissa and as many octaves below that as are left, 32 of the second moments and 16 of the first, which have
//         a sign. Rounded up or down at random, by a number that place and step decide: moments that move by less than
//         a code still move on the whole.
enum class MomentFormat : uint8_t { kF32, kBytes };

inline constexpr int64_t kMomentBlock = 256;

// Of one of the two moments of `count` numbers, zeros at first.
constexpr size_t moment_bytes(MomentFormat format, int64_t count) {
  if (format == MomentFormat::kF32) return static_cast<size_t>(count) * sizeof(float);
  const int64_t blocks = (count + kMomentBlock - 1) / kMomentBlock;
  return static_cast<size_t>(blocks) * (kMomentBlock + sizeof(int32_t));
}

// g = clip * gradient;  m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;  w *= 1 - rate decay;
// w -= rate (m / (1 - b1^step)) / (sqrt(v / (1 - b2^step)) + epsilon)
struct AdamW {
  Address weights, gradients;  // float32 [count]
  Address first_moments, second_moments;
  MomentFormat moments = MomentFormat::kF32;
  int64_t count = 0;
  int64_t step = 1;  // from 1 on
  double rate = 0, decay = 0, beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8;
  double clip = 1;
};

}  // namespace paddock::kernels
