// SPDX-License-Identifier: Apache-2.0
#pragma once
// Angular frequencies of rotary embeddings, computed in the float32 steps of the models' own code: at position 16,000
// one unit in the last place is already a thousandth of a radian.

#include <cstdint>
#include <vector>

namespace paddock::llama4 {

// theta^(-2 i / width) for i in [0, width / 2).
std::vector<float> rope_frequencies(double theta, int64_t width);

// Frequency-dependent stretching for longer contexts ("llama3").
struct Llama3Scaling {
  double factor = 1;
  double low_frequency_factor = 1;
  double high_frequency_factor = 4;
  double original_context = 8192;
};

// Wavelengths below original / high are kept, above original / low are divided by the factor, between them blended.
// With low == high (Scout) there is nothing between: the comparisons come first, so that the blend's zero denominator
// is never met.
void apply_llama3_scaling(const Llama3Scaling& scaling, std::vector<float>& frequencies);

}  // namespace paddock::llama4
