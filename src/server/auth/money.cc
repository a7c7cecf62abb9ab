// SPDX-License-Identifier: Apache-2.0
#include "server/auth/money.h"

#include <fmt/core.h>

#include <algorithm>
#include <limits>

namespace paddock::server::auth {
namespace {

constexpr size_t kMostWholeDigits = 12;
constexpr int64_t kMost = std::numeric_limits<int64_t>::max();

std::optional<int64_t> parse_digits(std::string_view digits) {
  int64_t value = 0;
  for (const char digit : digits) {
    if (digit < '0' || digit > '9') return std::nullopt;
    value = value * 10 + (digit - '0');
  }
  return value;
}

// `fraction` has its digits; trailing zeros beyond the second go.
std::string decimal(int64_t whole, std::string fraction) {
  while (fraction.size() > 2 && fraction.back() == '0') fraction.pop_back();
  return fmt::format("{}.{}", whole, fraction);
}

}  // namespace

std::optional<int64_t> parse_micros(std::string_view text) {
  const size_t point = std::min(text.find('.'), text.size());
  const std::string_view whole = text.substr(0, point);
  const std::string_view fraction = point < text.size() ? text.substr(point + 1) : "0";
  if (whole.empty() || whole.size() > kMostWholeDigits || fraction.empty() || fraction.size() > 6) return std::nullopt;
  const auto units = parse_digits(whole);
  const auto micros = parse_digits(std::string(fraction) + std::string(6 - fraction.size(), '0'));
  if (!units || !micros) return std::nullopt;
  return *units * kMicrosPerUnit + *micros;
}

std::string format_micros(int64_t micros) { return Money::of_micros(micros).to_string(); }

int64_t Money::micros() const {
  return static_cast<int64_t>(std::min(picos_ / kPicosPerMicro, static_cast<__int128>(kMost)));
}
int64_t Money::picos() const { return static_cast<int64_t>(picos_ % kPicosPerMicro); }

int64_t Money::tokens_at(int64_t micros_per_million) const {
  if (picos_ < 0) return 0;
  if (micros_per_million <= 0) return kMost;
  return static_cast<int64_t>(std::min(picos_ / micros_per_million, static_cast<__int128>(kMost)));
}

std::string Money::to_string() const {
  if (picos_ < 0) return "-" + Money(-picos_).to_string();
  return decimal(micros() / kMicrosPerUnit, fmt::format("{:06}{:06}", micros() % kMicrosPerUnit, picos()));
}

Usage sane_usage(const Usage& usage) {
  constexpr int64_t kMostTokens = int64_t{1} << 40;
  const int64_t prompt = std::clamp<int64_t>(usage.prompt_tokens, 0, kMostTokens);
  return {prompt, std::clamp<int64_t>(usage.cached_tokens, 0, prompt),
          std::clamp<int64_t>(usage.output_tokens, 0, kMostTokens)};
}

Money cost_of(const Usage& usage, const Prices& prices) {
  return Money::of_tokens(usage.prompt_tokens - usage.cached_tokens, prices.prompt) +
         Money::of_tokens(usage.cached_tokens, prices.cached) + Money::of_tokens(usage.output_tokens, prices.output);
}

}  // namespace paddock::server::auth
