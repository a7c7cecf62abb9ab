// SPDX-License-Identifier: Apache-2.0
#pragma once
// Money without rounding. Prices are whole micro-units (millionths of the currency's unit) for a million tokens; one
// token then costs as many pico-units as a million cost micro-units, and every sum is a whole number of pico-units.

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace paddock::server::auth {

constexpr int64_t kMicrosPerUnit = 1'000'000;

// A decimal number from 0 with up to 6 digits after the point, less than 10^12: "25", "25.00", "0.0375". Missing
// otherwise.
std::optional<int64_t> parse_micros(std::string_view text);

// "25.00", "0.0375": two digits after the point, more where they are not zero.
std::string format_micros(int64_t micros);

class Money {
 public:
  constexpr Money() = default;
  static constexpr Money of_micros(int64_t micros) { return Money(static_cast<__int128>(micros) * kPicosPerMicro); }
  // Two numbers that 64 bits hold, as a database stores them.
  static constexpr Money of_parts(int64_t micros, int64_t picos) { return Money(of_micros(micros).picos_ + picos); }
  static constexpr Money of_tokens(int64_t tokens, int64_t micros_per_million) {
    return Money(static_cast<__int128>(tokens) * micros_per_million);
  }

  int64_t micros() const;  // whole ones; saturates
  int64_t picos() const;   // the rest, 0 to 999,999

  Money operator+(Money other) const { return Money(picos_ + other.picos_); }
  Money operator-(Money other) const { return Money(picos_ - other.picos_); }
  Money& operator+=(Money other) { return *this = *this + other; }
  Money& operator-=(Money other) { return *this = *this - other; }
  auto operator<=>(const Money&) const = default;

  // How many tokens of this price it pays for; saturates.
  int64_t tokens_at(int64_t micros_per_million) const;

  // Exact, at least two digits after the point.
  std::string to_string() const;

 private:
  static constexpr int64_t kPicosPerMicro = 1'000'000;
  explicit constexpr Money(__int128 picos) : picos_(picos) {}

  __int128 picos_ = 0;
};

struct Prices {
  int64_t prompt = 0;  // micro-units for a million tokens
  int64_t cached = 0;  // of the prompt, those that were in the cache
  int64_t output = 0;
};

// What a request has used.
struct Usage {
  int64_t prompt_tokens = 0;  // cached ones included
  int64_t cached_tokens = 0;
  int64_t output_tokens = 0;

  int64_t tokens() const { return prompt_tokens + output_tokens; }
};

// Without negative counts, counts above 2^40 and more cached than there were: sums of such stay far from overflow.
Usage sane_usage(const Usage& usage);

Money cost_of(const Usage& usage, const Prices& prices);

}  // namespace paddock::server::auth
