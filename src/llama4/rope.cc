// SPDX-License-Identifier: Apache-2.0
#include "llama4/rope.h"

#include <cmath>
#include <numbers>

namespace paddock::llama4 {

std::vector<float> rope_frequencies(double theta, int64_t width) {
  std::vector<float> frequencies(static_cast<size_t>(width / 2));
  for (size_t pair = 0; pair < frequencies.size(); ++pair) {
    const float exponent = static_cast<float>(2 * pair) / static_cast<float>(width);
    frequencies[pair] = 1.0f / static_cast<float>(std::pow(theta, static_cast<double>(exponent)));
  }
  return frequencies;
}

void apply_llama3_scaling(const Llama3Scaling& scaling, std::vector<float>& frequencies) {
  const auto factor = static_cast<float>(scaling.factor);
  const auto low = static_cast<float>(scaling.low_frequency_factor);
  const auto high = static_cast<float>(scaling.high_frequency_factor);
  const auto original = static_cast<float>(scaling.original_context);
  for (float& frequency : frequencies) {
    const float wavelength = 2 * std::numbers::pi_v<float> / frequency;
    if (wavelength < original / high) continue;
    if (wavelength > original / low || low == high) {
      frequency /= factor;
      continue;
    }
    const float smooth = (original / wavelength - low) / (high - low);
    frequency = (1 - smooth) * (frequency / factor) + smooth * frequency;
  }
}

}  // namespace paddock::llama4
