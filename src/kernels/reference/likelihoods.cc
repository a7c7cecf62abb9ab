// SPDX-License-Identifier: Apache-2.0
// w = exp((x - maximum) * inverse_temperature), in plain loops with the bits of the vector loops.
#include "kernels/contracts/likelihoods.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "kernels/reference/sums.h"

namespace paddock::kernels::reference {
namespace {

static_assert(kLikelihoodLanes == kPartialSums);

// As kernels/vector/exponential.h, which says why.
float exponential(float x) {
  constexpr float kSmallest = -87.336540f;
  const float bounded = kSmallest > x ? kSmallest : x;
  const float n = std::nearbyint(bounded * 1.44269504f);
  float r = std::fma(-n, 0.693359375f, bounded);
  r = std::fma(-n, -2.12194440e-4f, r);
  float p = 1.9875691500e-4f;
  for (const float next : {1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f, 1.6666665459e-1f, 5.0000001201e-1f})
    p = std::fma(p, r, next);
  p = std::fma(p, r * r, r);
  if (!(x >= kSmallest)) return std::isnan(x) ? x : 0.0f;
  return (p + 1.0f) * std::bit_cast<float>((static_cast<int32_t>(n) + 127) << 23);
}

void lane_maxima(const float* logits, int64_t count, float* maxima) {
  std::fill_n(maxima, likelihood_blocks(count) * kLikelihoodLanes, -std::numeric_limits<float>::infinity());
  for (int64_t index = 0; index < count; ++index) {
    float& largest = maxima[index / kLikelihoodBlock * kLikelihoodLanes + index % kLikelihoodLanes];
    if (logits[index] > largest) largest = logits[index];
  }
}

void weigh(const float* logits, int64_t count, const Softening& softening, float* weights) {
  for (int64_t index = 0; index < count; ++index) {
    const float weight = exponential((logits[index] - softening.maximum) * softening.inverse_temperature);
    weights[index] = weight >= softening.least ? weight : 0.0f;
  }
}

void block_sums(const float* weights, int64_t count, float least, float* sums) {
  for (int64_t start = 0; start < count; start += kLikelihoodBlock) {
    float partial[kPartialSums] = {};
    for (int64_t index = start; index < std::min(start + kLikelihoodBlock, count); ++index)
      if (weights[index] >= least) partial[index % kPartialSums] += weights[index];
    sums[start / kLikelihoodBlock] = add_up(partial);
  }
}

int64_t find(const float* numbers, int64_t count, float least, int32_t* places) {
  int64_t found = 0;
  for (int64_t index = 0; index < count; ++index)
    if (numbers[index] >= least) places[found++] = static_cast<int32_t>(index);
  return found;
}

}  // namespace

const LikelihoodKernels kLikelihoodKernels = {"plain", lane_maxima, weigh, block_sums, find};

}  // namespace paddock::kernels::reference
