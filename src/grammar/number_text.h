// SPDX-License-Identifier: Apache-2.0
#pragma once
// Numbers between bounds, as they are written in JSON.

#include <optional>
#include <string>

#include "base/json.h"
#include "grammar/automaton.h"

namespace paddock::grammar {

// A decimal number: digits before and after the point, without zeros that say nothing ("0" before the point if there is
// nothing else).
struct Decimal {
  bool is_negative = false;
  std::string whole = "0";
  std::string fraction;

  bool is_zero() const { return whole == "0" && fraction.empty(); }
  bool is_whole() const { return fraction.empty(); }
};

// Of a JSON number, also of one that parse_json kept by its digits. Missing for every other value, and for exponents
// beyond 400.
std::optional<Decimal> decimal_of(const Json& number);

struct NumberBound {
  Decimal value;
  bool is_exclusive = false;
};

struct NumberLimits {
  bool is_integer = false;
  std::vector<NumberBound> at_least, at_most;
  std::vector<Decimal> multiples_of;  // positive

  bool empty() const { return at_least.empty() && at_most.empty() && multiples_of.empty(); }
};

// Integers are written without point and exponent. Other numbers may have either, but no exponent where there is a
// limit. Over code points. Errors with kLimit for a multiple of too many digits.
Result<Dfa> number_automaton(const NumberLimits& limits, Budget& budget);

}  // namespace paddock::grammar
