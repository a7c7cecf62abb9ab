// SPDX-License-Identifier: Apache-2.0
#include "grammar/number_text.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "grammar/regex.h"

namespace paddock::grammar {

namespace {

constexpr std::string_view kNumberSource = "number";
constexpr int kMaxExponent = 400;        // beyond what a double holds
constexpr uint64_t kMaxDivisor = 5'000;  // states for each digit of a multiple's fraction

std::optional<Decimal> parse_decimal(std::string_view text) {
  Decimal number;
  if (text.starts_with('-')) number.is_negative = true, text.remove_prefix(1);
  int exponent = 0;
  if (const size_t e = text.find_first_of("eE"); e != std::string_view::npos) {
    exponent = std::atoi(std::string(text.substr(e + 1)).c_str());
    text = text.substr(0, e);
  }
  if (exponent > kMaxExponent || exponent < -kMaxExponent) return std::nullopt;
  const size_t point = std::min(text.find('.'), text.size());
  std::string digits(text.substr(0, point));
  if (point < text.size()) digits += text.substr(point + 1);
  auto whole_digits = static_cast<ptrdiff_t>(point) + exponent;
  if (whole_digits < 0) digits.insert(0, static_cast<size_t>(-whole_digits), '0'), whole_digits = 0;
  if (static_cast<size_t>(whole_digits) > digits.size()) digits.resize(static_cast<size_t>(whole_digits), '0');
  number.whole = digits.substr(0, static_cast<size_t>(whole_digits));
  number.fraction = digits.substr(static_cast<size_t>(whole_digits));
  number.whole.erase(0, std::min(number.whole.find_first_not_of('0'), number.whole.size()));
  if (number.whole.empty()) number.whole = "0";
  number.fraction.erase(number.fraction.find_last_not_of('0') + 1);
  if (number.is_zero()) number.is_negative = false;
  return number;
}

// Automata below are over the digits of a magnitude, "12" or "12.5"; that it is written as a number is seen to
// elsewhere.
class MagnitudeBound {
 public:
  explicit MagnitudeBound(const Decimal& bound, bool is_exclusive) : bound_(bound), is_exclusive_(is_exclusive) {}

  Nfa at_most() {
    const size_t length = bound_.whole.size();
    // Fewer digits.
    StateId at = nfa_.start();
    for (size_t i = 1; i < length; ++i) at = digit(at, '0', '9'), any_fraction(at);
    const StateId point = equal_whole([&](StateId from, char d, size_t rest) {
      if (d > '0') any_fraction(digits(digit(from, '0', static_cast<char>(d - 1)), rest));
    });
    // The same digits before the point.
    if (!is_exclusive_ || !bound_.fraction.empty()) nfa_.add_free(point, nfa_.accept());
    at = nfa_.add_state();
    nfa_.add_edge(point, '.', '.', at);
    for (size_t i = 0; i < bound_.fraction.size(); ++i) {
      const char d = bound_.fraction[i];
      if (d > '0') any_digits(digit(at, '0', static_cast<char>(d - 1)));
      at = digit(at, d, d);
      if (i + 1 < bound_.fraction.size()) nfa_.add_free(at, nfa_.accept());  // the bound goes on and is larger
    }
    // All digits equal: then only zeros.
    if (!is_exclusive_) {
      nfa_.add_free(at, nfa_.accept());
      nfa_.add_edge(at, '0', '0', at);
    }
    return std::move(nfa_);
  }

  Nfa at_least() {
    // More digits.
    StateId at = digit(nfa_.start(), '1', '9');
    for (size_t i = 0; i < bound_.whole.size(); ++i) at = digit(at, '0', '9');
    nfa_.add_edge(at, '0', '9', at);
    any_fraction(at);
    const StateId point = equal_whole([&](StateId from, char d, size_t rest) {
      if (d < '9') any_fraction(digits(digit(from, static_cast<char>(d + 1), '9'), rest));
    });
    if (bound_.fraction.empty() && !is_exclusive_) any_fraction(point);
    at = nfa_.add_state();
    nfa_.add_edge(point, '.', '.', at);
    for (const char d : bound_.fraction) {
      if (d < '9') any_digits(digit(at, static_cast<char>(d + 1), '9'));
      at = digit(at, d, d);
    }
    if (!is_exclusive_) {
      any_digits(at);
    } else {
      // All digits equal: something must follow.
      nfa_.add_edge(at, '0', '0', at);
      any_digits(digit(at, '1', '9'));
    }
    return std::move(nfa_);
  }

 private:
  StateId digit(StateId from, char low, char high) {
    const StateId to = nfa_.add_state();
    nfa_.add_edge(from, static_cast<Symbol>(low), static_cast<Symbol>(high), to);
    return to;
  }
  StateId digits(StateId from, size_t count) {
    for (size_t i = 0; i < count; ++i) from = digit(from, '0', '9');
    return from;
  }
  void any_digits(StateId from) {
    const StateId loop = nfa_.add_state();
    nfa_.add_free(from, loop);
    nfa_.add_edge(loop, '0', '9', loop);
    nfa_.add_free(loop, nfa_.accept());
  }
  void any_fraction(StateId from) {
    nfa_.add_free(from, nfa_.accept());
    const StateId point = nfa_.add_state();
    nfa_.add_edge(from, '.', '.', point);
    any_digits(point);
  }
  // The state behind the bound's own digits before the point. `differ(state, digit, how many follow)` adds what differs
  // first here.
  template <typename Differ>
  StateId equal_whole(const Differ& differ) {
    StateId at = nfa_.start();
    for (size_t i = 0; i < bound_.whole.size(); ++i) {
      differ(at, bound_.whole[i], bound_.whole.size() - 1 - i);
      at = digit(at, bound_.whole[i], bound_.whole[i]);
    }
    return at;
  }

  const Decimal& bound_;
  bool is_exclusive_;
  Nfa nfa_;
};

Result<Dfa> magnitude(const NumberBound& bound, bool is_upper, Budget& budget) {
  MagnitudeBound automaton(bound.value, bound.is_exclusive);
  return determinise(is_upper ? automaton.at_most() : automaton.at_least(), budget);
}

// Magnitudes of numbers with one sign that fulfil a bound; missing where all do. Zero counts as positive.
struct SignedBound {
  bool none = false;
  std::optional<Dfa> automaton;
};

Result<SignedBound> for_sign(const NumberBound& bound, bool is_upper, bool is_negative, Budget& budget) {
  SignedBound result;
  const Decimal& value = bound.value;
  const bool is_inside_sign = is_negative ? value.is_negative || value.is_zero() : !value.is_negative;
  if (is_inside_sign) {
    result.automaton = TRY(magnitude(bound, is_upper != is_negative, budget));
  } else {
    // Every negative number is below a positive bound, every positive one above a negative.
    result.none = is_upper != is_negative;
  }
  return result;
}

// Decimals that are a multiple: the remainder of the digits read so far, and how many of them stand after the point.
Result<Dfa> multiples(const Decimal& divisor, Budget& budget) {
  uint64_t number = 0;
  for (const char d : (divisor.whole == "0" ? "" : divisor.whole) + divisor.fraction) {
    number = number * 10 + static_cast<uint64_t>(d - '0');
    if (number > kMaxDivisor) break;
  }
  const size_t places = divisor.fraction.size();
  if (number > kMaxDivisor || number * (places + 2) > 4 * kMaxDivisor)
    return error(ErrorCode::kLimit,
                 "multiples of numbers with that many digits need too many states; use bounds instead");
  Dfa dfa;
  dfa.states.resize((places + 2) * number);
  // Row 0: before the point; row 1 + n: n digits after it.
  const auto state_of = [&](size_t row, uint64_t remainder) { return static_cast<StateId>(row * number + remainder); };
  for (size_t row = 0; row < places + 2; ++row) {
    const size_t written = row == 0 ? 0 : row - 1;
    uint64_t scale = 1;  // of the digits after the point that are not written
    for (size_t i = written; i < places; ++i) scale = scale * 10 % number;
    for (uint64_t remainder = 0; remainder < number; ++remainder) {
      TRY_VOID(budget.spend(kStateCost));
      Dfa::State& state = dfa.states[state_of(row, remainder)];
      state.accepting = remainder * scale % number == 0;
      if (row == 0) state.edges.push_back({'.', '.', state_of(1, remainder)});
      if (written == places && row > 0) {
        if (remainder == 0) state.edges.push_back({'0', '0', state_of(row, 0)});
        continue;
      }
      for (Symbol d = 0; d <= 9; ++d) {
        const uint64_t next = (remainder * 10 + d) % number;
        state.edges.push_back({'0' + d, '0' + d, state_of(row == 0 ? 0 : row + 1, next)});
      }
    }
  }
  trim(dfa);
  join_equal_states(dfa);
  return dfa;
}

}  // namespace

std::optional<Decimal> decimal_of(const Json& number) {
  if (const auto big = big_integer(number)) return parse_decimal(*big);
  if (!number.is_number()) return std::nullopt;
  return parse_decimal(number.dump());
}

Result<Dfa> number_automaton(const NumberLimits& limits, Budget& budget) {
  constexpr std::string_view kInteger = "(0|[1-9][0-9]*)";
  const std::string fraction = limits.is_integer ? "" : "(\\.[0-9]+)?";
  if (limits.empty()) {
    const std::string exponent = limits.is_integer ? "" : "([eE][+-]?[0-9]+)?";
    return matching_whole("-?" + std::string(kInteger) + fraction + exponent, kNumberSource, budget);
  }
  Nfa both;
  for (const bool is_negative : {false, true}) {
    Dfa part = TRY(matching_whole(std::string(kInteger) + fraction, kNumberSource, budget));
    bool is_none = false;
    for (const bool is_upper : {false, true}) {
      for (const NumberBound& bound : is_upper ? limits.at_most : limits.at_least) {
        const SignedBound side = TRY(for_sign(bound, is_upper, is_negative, budget));
        is_none |= side.none;
        if (side.automaton) part = TRY(intersection(part, *side.automaton, budget));
      }
    }
    if (is_none) continue;
    for (const Decimal& divisor : limits.multiples_of)
      part = TRY(intersection(part, TRY(multiples(divisor, budget)), budget));
    StateId start = both.start();
    if (is_negative) {
      start = both.add_state();
      both.add_edge(both.start(), '-', '-', start);
    }
    add_automaton(both, start, part, both.accept());
  }
  return determinise(both, budget);
}

}  // namespace paddock::grammar
