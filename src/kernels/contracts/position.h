// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a position does to queries and keys: rotation in local layers, temperature in global ones.

#include <cstdint>
#include <span>

#include "kernels/contracts/memory.h"

namespace paddock::kernels {

// Which two numbers of a head form a pair.
enum class RopePairs : uint8_t {
  kInterleaved,  // (0,1), (2,3), …: Llama 4 everywhere; Llama 2 and 3 in GGUF
  kHalves,       // (0,H/2), (1,H/2+1), …: Llama 2 and 3 as Hugging Face stores them
};

// (a, b) -> (a cos - b sin, a sin + b cos), angle = position * frequency of the pair    (Su et al., arXiv 2104.09864)
// The angle is a float32 product, as in the models' own training code.
struct Rotate {
  Rows x_TNH;                          // [T, N * H], in place
  int64_t head_width;                  // H
  std::span<const int64_t> positions;  // [T], absolute
  std::span<const float> frequencies;  // [R/2], radians for each position; R <= H leading numbers of a head are rotated
  RopePairs pairs;
};

// q *= 1 + scale * ln(floor((position + 1) / floor_scale) + 1): attention temperature of Llama 4's layers without
// rotation.
struct ScaleQueries {
  Rows q_TNH;
  std::span<const int64_t> positions;
  double floor_scale;
  double scale;
};

}  // namespace paddock::kernels
