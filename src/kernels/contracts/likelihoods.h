// SPDX-License-Identifier: Apache-2.0
#pragma once
// What sampling does to a whole row of logits: the largest, how likely each token is beside it, which are likely
// enough.
//
//   w[i] = exp((x[i] - maximum) * inverse_temperature), or 0 where that is below `least` or not a number
//
// The exponential is that of kernels/vector/exponential.h, within 2 units in the last place. Every implementation gives
// the same bits: sums have sixteen lanes in blocks of 1024, whatever the width of registers.

#include <cstdint>

namespace paddock::kernels {

inline constexpr int64_t kLikelihoodBlock = 1024;
inline constexpr int64_t kLikelihoodLanes = 16;

inline constexpr int64_t likelihood_blocks(int64_t count) { return (count + kLikelihoodBlock - 1) / kLikelihoodBlock; }

struct Softening {
  float maximum = 0;              // of the logits
  float inverse_temperature = 1;  // finite
  float least = 0;                // weight of a token that counts, at most 1
};

struct LikelihoodKernels {
  const char* name;
  // The largest of the block's logits i, i + 16, i + 32, ... for each i below 16; -infinity where there is none. What
  // is not a number counts as -infinity. maxima: [blocks][kLikelihoodLanes]
  void (*lane_maxima)(const float* logits, int64_t count, float* maxima);
  // weights: [count], and may be the logits' place.
  void (*weigh)(const float* logits, int64_t count, const Softening& softening, float* weights);
  // The sum of the block's weights of at least `least`. sums: [blocks]
  void (*block_sums)(const float* weights, int64_t count, float least, float* sums);
  // The places of numbers of at least `least`, in order; returns how many. places: [count]
  int64_t (*find)(const float* numbers, int64_t count, float least, int32_t* places);
};

// The fastest of this processor.
const LikelihoodKernels& likelihood_kernels();

namespace reference {
extern const LikelihoodKernels kLikelihoodKernels;
}

}  // namespace paddock::kernels
