// SPDX-License-Identifier: Apache-2.0
#include "image/filter.h"

#include <algorithm>
#include <cmath>

namespace paddock::image {

namespace {

void add_halves(Filter& filter) {
  constexpr int32_t kLowMask = (1 << kLowBits) - 1;
  filter.halves.resize(filter.coefficients.size() * 2);
  for (size_t i = 0; i < filter.coefficients.size(); ++i) {
    const size_t group = i / kTapGroup, tap = i % kTapGroup;
    int16_t* const halves = filter.halves.data() + group * 2 * kTapGroup;
    halves[tap] = static_cast<int16_t>(filter.coefficients[i] >> kLowBits);
    halves[kTapGroup + tap] = static_cast<int16_t>(filter.coefficients[i] & kLowMask);
  }
  while (filter.inside < filter.new_size && filter.first[filter.inside] + filter.taps + 2 <= filter.old_size)
    ++filter.inside;
}

}  // namespace

Filter make_filter(int64_t old_size, int64_t new_size) {
  Filter filter{.old_size = old_size, .new_size = new_size};
  if (filter.is_identity()) return filter;
  const double scale = static_cast<double>(old_size) / static_cast<double>(new_size);
  const double stretch = std::max(scale, 1.0);
  const auto outputs = static_cast<size_t>(new_size);
  filter.first.resize(outputs);
  filter.count.resize(outputs);
  const auto centre_of = [&](size_t output) { return (static_cast<double>(output) + 0.5) * scale; };
  for (size_t output = 0; output < outputs; ++output) {
    const double centre = centre_of(output);
    const auto first = std::max(static_cast<int64_t>(centre - stretch + 0.5), int64_t{0});
    const auto last = std::min(static_cast<int64_t>(centre + stretch + 0.5), old_size);
    filter.first[output] = static_cast<int32_t>(first);
    filter.count[output] = static_cast<int32_t>(last - first);
    filter.taps = std::max(filter.taps, last - first);
  }
  filter.taps = (filter.taps + kTapGroup - 1) / kTapGroup * kTapGroup;
  filter.coefficients.resize(outputs * static_cast<size_t>(filter.taps));
  std::vector<double> weights(static_cast<size_t>(filter.taps));
  for (size_t output = 0; output < outputs; ++output) {
    const double centre = centre_of(output);
    const auto count = static_cast<size_t>(filter.count[output]);
    double sum = 0;
    for (size_t tap = 0; tap < count; ++tap) {
      const double old = static_cast<double>(filter.first[output]) + static_cast<double>(tap);
      weights[tap] = std::max(0.0, 1.0 - std::abs((old - centre + 0.5) / stretch));
      sum += weights[tap];
    }
    for (size_t tap = 0; tap < count; ++tap)
      filter.coefficients[output * static_cast<size_t>(filter.taps) + tap] =
          static_cast<int32_t>(weights[tap] / sum * (1 << kFilterBits) + 0.5);
  }
  add_halves(filter);
  return filter;
}

}  // namespace paddock::image
