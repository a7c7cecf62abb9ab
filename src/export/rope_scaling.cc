// SPDX-License-Identifier: Apache-2.0
#include "export/rope_scaling.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace paddock::exporting {
namespace {

using llama4::Llama3Scaling;

// A pair whose wavelength lies between the two limits keeps the share s of its frequency, s = original / wavelength /
// (high - low) - low / (high - low): two numbers decide about all of them, and three say it.
struct Blended {
  double inverse_wavelength, share;
};

std::vector<float> base_of(const llama4::Config& config) {
  std::vector<float> base = llama4::rope_frequencies(config.rope_origin.theta, config.head_width);
  for (float& frequency : base) frequency /= static_cast<float>(config.rope_origin.linear_factor);
  return base;
}

double wavelength(float frequency) { return 2 * std::numbers::pi / frequency; }

// Nothing is blended: any limit between the last pair that is kept and the first that is divided.
Llama3Scaling sharp(double factor, double longest_kept, double shortest_divided) {
  const double limit = longest_kept > 0 ? std::sqrt(longest_kept * shortest_divided) : shortest_divided / 2;
  return {
      .factor = factor, .low_frequency_factor = 1, .high_frequency_factor = 1, .original_context = std::round(limit)};
}

// The same as whole numbers where rounding put them a hair away.
double tidy(double value) { return std::abs(value - std::round(value)) < 1e-4 ? std::round(value) : value; }

// share = slope / wavelength - offset. A whole original context leaves both limits free to say exactly that.
Llama3Scaling of_line(double factor, double slope, double offset) {
  const double original = std::round(slope / offset), width = original / slope;  // high - low
  return {.factor = factor,
          .low_frequency_factor = tidy(offset * width),
          .high_frequency_factor = tidy((offset + 1) * width),
          .original_context = original};
}

// One pair alone leaves the offset open: `high` as it would be beside a low of 1.
Llama3Scaling through_one(double factor, const Blended& pair, double high) {
  const double offset = 1 / (high - 1);
  return of_line(factor, (pair.share + offset) / pair.inverse_wavelength, offset);
}

Llama3Scaling through_several(double factor, const std::vector<Blended>& blended) {
  double x = 0, y = 0, xx = 0, xy = 0;
  const auto count = static_cast<double>(blended.size());
  for (const Blended& each : blended) {
    x += each.inverse_wavelength / count;
    y += each.share / count;
  }
  for (const Blended& each : blended) {
    xx += (each.inverse_wavelength - x) * (each.inverse_wavelength - x);
    xy += (each.inverse_wavelength - x) * (each.share - y);
  }
  const double slope = xy / xx;
  return of_line(factor, slope, slope * x - y);
}

bool makes(const Llama3Scaling& scaling, const llama4::Config& config) {
  const bool sane = scaling.low_frequency_factor > 0 && scaling.high_frequency_factor >= scaling.low_frequency_factor &&
                    scaling.original_context >= 1;
  if (!sane) return false;
  std::vector<float> made = base_of(config);
  llama4::apply_llama3_scaling(scaling, made);
  for (size_t pair = 0; pair < made.size(); ++pair)
    if (!(std::abs(made[pair] - config.rope_frequencies[pair]) <= 1e-5f * made[pair])) return false;
  return true;
}

}  // namespace

Result<std::optional<Llama3Scaling>> rope_scaling_of(const llama4::Config& config, const std::string& source) {
  if (config.rope_origin.llama3) return config.rope_origin.llama3;
  const std::vector<float> base = base_of(config);
  double factor = 1;
  for (size_t pair = 0; pair < base.size(); ++pair)
    factor = std::max<double>(factor, base[pair] / config.rope_frequencies[pair]);
  constexpr double kSame = 1e-5;
  if (factor < 1 + kSame &&
      std::ranges::equal(base, config.rope_frequencies, [](float a, float b) { return std::abs(a - b) <= 1e-5f * a; }))
    return std::nullopt;
  if (std::abs(factor - std::round(factor)) < 1e-4) factor = std::round(factor);

  double longest_kept = 0, shortest_divided = INFINITY;
  std::vector<Blended> blended;
  for (size_t pair = 0; pair < base.size(); ++pair) {
    const double kept = config.rope_frequencies[pair] / base[pair],  // share + (1 - share) / factor
        share = (kept - 1 / factor) / (1 - 1 / factor);
    if (share > 1 - kSame)
      longest_kept = std::max(longest_kept, wavelength(base[pair]));
    else if (share < kSame)
      shortest_divided = std::min(shortest_divided, wavelength(base[pair]));
    else
      blended.push_back({1 / wavelength(base[pair]), share});
  }
  std::vector<Llama3Scaling> guesses;
  if (blended.empty()) guesses = {sharp(factor, longest_kept, shortest_divided)};
  if (blended.size() == 1) guesses = {through_one(factor, blended[0], 4), through_one(factor, blended[0], 1.1)};
  if (blended.size() > 1) guesses = {through_several(factor, blended)};
  for (const Llama3Scaling& guess : guesses)
    if (makes(guess, config)) return guess;
  return error(ErrorCode::kUnsupported,
               "{}: expected rotary frequencies of plain, linear or llama3 scaling, found others; config.json has no "
               "words for them: write a GGUF file",
               source);
}

}  // namespace paddock::exporting
