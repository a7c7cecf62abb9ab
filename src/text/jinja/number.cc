// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/number.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>

#include "text/jinja/unicode.h"

namespace paddock::text::jinja {
namespace {

using UnsignedInt = unsigned __int128;
constexpr double kTwo127 = 0x1p127;

std::string_view strip(std::string_view text) {
  while (!text.empty() && is_space(character_at(text, 0))) text.remove_prefix(next_character(text, 0));
  while (!text.empty()) {
    const size_t last = previous_character(text, text.size());
    if (!is_space(character_at(text, last))) break;
    text = text.substr(0, last);
  }
  return text;
}

int digit_value(char character) {
  if (character >= '0' && character <= '9') return character - '0';
  if (character >= 'a' && character <= 'z') return character - 'a' + 10;
  if (character >= 'A' && character <= 'Z') return character - 'A' + 10;
  return 99;
}

// Python's floor division: the quotient rounds down, the remainder has the divisor's sign.
Int floor_divide(Int left, Int right) {
  const Int quotient = left / right;
  return left % right != 0 && (left < 0) != (right < 0) ? quotient - 1 : quotient;
}

double float_modulo(double left, double right) {
  const double remainder = std::fmod(left, right);
  if (remainder == 0) return std::copysign(0.0, right);
  return (remainder < 0) != (right < 0) ? remainder + right : remainder;
}

double float_floor_divide(double left, double right) {
  const double remainder = std::fmod(left, right);
  double quotient = (left - remainder) / right;
  if (remainder != 0 && (remainder < 0) != (right < 0)) quotient -= 1;
  if (quotient == 0) return std::copysign(0.0, left / right);
  const double floored = std::floor(quotient);
  return quotient - floored > 0.5 ? floored + 1 : floored;
}

tl::unexpected<Error> too_large() {
  return error(ErrorCode::kUnsupported, "an integer of the template has more than 38 digits");
}

Result<Value> int_power(Int base, Int exponent) {
  if (exponent < 0) {
    if (base == 0) return failure("0 cannot be raised to a negative power");
    return Value(std::pow(static_cast<double>(base), static_cast<double>(exponent)));
  }
  if (exponent == 0 || base == 1) return Value(Int{1});
  if (base == 0) return Value(Int{0});
  if (base == -1) return Value(Int{exponent % 2 == 0 ? 1 : -1});
  Int power = 1;
  for (Int count = 0; count < exponent; ++count)  // ends after 127 turns at the latest, because |base| >= 2
    if (__builtin_mul_overflow(power, base, &power)) return too_large();
  return Value(power);
}

Result<Value> compute_ints(Operator operation, Int left, Int right) {
  Int result = 0;
  switch (operation) {
    case Operator::kAdd:
      if (__builtin_add_overflow(left, right, &result)) return too_large();
      return Value(result);
    case Operator::kSubtract:
      if (__builtin_sub_overflow(left, right, &result)) return too_large();
      return Value(result);
    case Operator::kMultiply:
      if (__builtin_mul_overflow(left, right, &result)) return too_large();
      return Value(result);
    case Operator::kPower: return int_power(left, right);
    case Operator::kDivide:
      if (right == 0) break;
      return Value(static_cast<double>(left) / static_cast<double>(right));
    case Operator::kFloorDivide:
      if (right == 0) break;
      if (right == -1) return compute_ints(Operator::kSubtract, 0, left);
      return Value(floor_divide(left, right));
    case Operator::kModulo:
      if (right == 0) break;
      if (right == -1) return Value(Int{0});
      return Value(left - floor_divide(left, right) * right);
  }
  return failure("division of {} by zero", print_int(left));
}

Result<Value> compute_floats(Operator operation, double left, double right) {
  switch (operation) {
    case Operator::kAdd: return Value(left + right);
    case Operator::kSubtract: return Value(left - right);
    case Operator::kMultiply: return Value(left * right);
    case Operator::kPower: {
      if (left == 0 && right < 0) return failure("0.0 cannot be raised to a negative power");
      if (left < 0 && std::isfinite(left) && std::isfinite(right) && right != std::floor(right))
        return failure("{} to the power {} is a complex number", print_float(left), print_float(right));
      const double power = std::pow(left, right);
      if (std::isinf(power) && std::isfinite(left) && std::isfinite(right))
        return failure("{} to the power {} is too large", print_float(left), print_float(right));
      return Value(power);
    }
    case Operator::kDivide:
      if (right == 0) break;
      return Value(left / right);
    case Operator::kFloorDivide:
      if (right == 0) break;
      return Value(float_floor_divide(left, right));
    case Operator::kModulo:
      if (right == 0) break;
      return Value(float_modulo(left, right));
  }
  return failure("division of {} by zero", print_float(left));
}

int compare_int_float(Int integer, double number) {
  if (number >= kTwo127) return -1;
  if (number < -kTwo127) return 1;
  const double whole = std::floor(number);
  const Int floor = static_cast<Int>(whole);
  if (integer != floor) return integer < floor ? -1 : 1;
  return number > whole ? -1 : 0;
}

}  // namespace

std::string print_int(Int number, int base) {
  UnsignedInt rest = number < 0 ? -static_cast<UnsignedInt>(number) : static_cast<UnsignedInt>(number);
  std::string digits;
  do {
    digits.push_back("0123456789abcdef"[static_cast<int>(rest % static_cast<unsigned>(base))]);
    rest /= static_cast<unsigned>(base);
  } while (rest != 0);
  if (number < 0) digits.push_back('-');
  std::reverse(digits.begin(), digits.end());
  return digits;
}

std::string print_float(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number < 0 ? "-inf" : "inf";
  char buffer[40];
  const auto scientific = std::to_chars(buffer, buffer + sizeof buffer, number, std::chars_format::scientific);
  const std::string text(buffer, scientific.ptr);
  const int exponent = std::atoi(text.c_str() + text.find('e') + 1);
  if (exponent < -4 || exponent >= 16) return text;  // to_chars writes the exponent as Python does: at least two digits
  const auto fixed = std::to_chars(buffer, buffer + sizeof buffer, number, std::chars_format::fixed);
  std::string plain(buffer, fixed.ptr);
  if (plain.find('.') == std::string::npos) plain += ".0";
  return plain;
}

std::string print_fixed(double number, int digits) {
  const int size = std::snprintf(nullptr, 0, "%.*f", digits, number);
  std::string text(static_cast<size_t>(size), '\0');
  std::snprintf(text.data(), text.size() + 1, "%.*f", digits, number);
  return text;
}

std::optional<Int> parse_int(std::string_view text, int base) {
  text = strip(text);
  bool negative = false;
  if (!text.empty() && (text[0] == '+' || text[0] == '-')) {
    negative = text[0] == '-';
    text.remove_prefix(1);
  }
  bool after_digit = false;
  if (text.size() > 1 && text[0] == '0') {
    const char letter = static_cast<char>(text[1] | 0x20);
    const int prefixed = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 0;
    if (prefixed != 0 && (base == 0 || base == prefixed)) {
      base = prefixed;
      text.remove_prefix(2);
      after_digit = true;  // an underscore may follow the prefix
    }
  }
  if (base == 0) {
    if (text.size() > 1 && text[0] == '0' && text.find_first_not_of("0_") != std::string_view::npos)
      return std::nullopt;
    base = 10;
  }
  if (text.empty()) return std::nullopt;
  Int number = 0;
  for (const char character : text) {
    if (character == '_') {
      if (!after_digit) return std::nullopt;
      after_digit = false;
      continue;
    }
    const int digit = digit_value(character);
    if (digit >= base) return std::nullopt;
    if (__builtin_mul_overflow(number, Int{base}, &number) || __builtin_add_overflow(number, Int{digit}, &number))
      return std::nullopt;
    after_digit = true;
  }
  if (!after_digit) return std::nullopt;
  return negative ? -number : number;
}

std::optional<double> parse_float(std::string_view text) {
  text = strip(text);
  std::string plain;
  for (size_t index = 0; index < text.size(); ++index) {
    if (text[index] != '_') {
      plain.push_back(text[index]);
      continue;
    }
    const bool between_digits =
        index > 0 && index + 1 < text.size() && digit_value(text[index - 1]) < 10 && digit_value(text[index + 1]) < 10;
    if (!between_digits) return std::nullopt;
  }
  const size_t first = !plain.empty() && (plain[0] == '+' || plain[0] == '-') ? 1 : 0;
  std::string word = plain.substr(first);
  std::transform(word.begin(), word.end(), word.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  const double sign = first == 1 && plain[0] == '-' ? -1.0 : 1.0;
  if (word == "inf" || word == "infinity") return sign * std::numeric_limits<double>::infinity();
  if (word == "nan") return std::numeric_limits<double>::quiet_NaN();
  if (word.empty() || word.find_first_not_of("0123456789.e+-") != std::string::npos) return std::nullopt;
  double number = 0;
  const auto parsed = std::from_chars(word.data(), word.data() + word.size(), number);
  if (parsed.ptr != word.data() + word.size() || word[0] == '-') return std::nullopt;
  if (parsed.ec == std::errc::result_out_of_range) number = std::strtod(word.c_str(), nullptr);  // 0 or infinity
  if (parsed.ec == std::errc::invalid_argument) return std::nullopt;
  return sign * number;
}

std::optional<Int> truncate_float(double number) {
  if (!(number > -kTwo127 && number < kTwo127)) return std::nullopt;
  return static_cast<Int>(number);
}

std::optional<Int> integer_of(const Value& value) {
  if (const Int* integer = value.as<Int>()) return *integer;
  if (const bool* flag = value.as<bool>()) return Int{*flag};
  return std::nullopt;
}

std::optional<double> number_of(const Value& value) {
  if (const double* number = value.as<double>()) return *number;
  if (const auto integer = integer_of(value)) return static_cast<double>(*integer);
  return std::nullopt;
}

std::optional<int> compare_numbers(const Value& left, const Value& right) {
  const auto left_integer = integer_of(left);
  const auto right_integer = integer_of(right);
  if (left_integer && right_integer) return *left_integer < *right_integer ? -1 : *left_integer > *right_integer;
  const double left_number = number_of(left).value();
  const double right_number = number_of(right).value();
  if (std::isnan(left_number) || std::isnan(right_number)) return std::nullopt;
  if (left_integer) return compare_int_float(*left_integer, right_number);
  if (right_integer) return -compare_int_float(*right_integer, left_number);
  return left_number < right_number ? -1 : left_number > right_number;
}

const char* symbol(Operator operation) {
  switch (operation) {
    case Operator::kAdd: return "+";
    case Operator::kSubtract: return "-";
    case Operator::kMultiply: return "*";
    case Operator::kDivide: return "/";
    case Operator::kFloorDivide: return "//";
    case Operator::kModulo: return "%";
    case Operator::kPower: break;
  }
  return "**";
}

Result<Value> compute(Operator operation, const Value& left, const Value& right) {
  const auto left_integer = integer_of(left);
  const auto right_integer = integer_of(right);
  if (left_integer && right_integer) return compute_ints(operation, *left_integer, *right_integer);
  return compute_floats(operation, number_of(left).value(), number_of(right).value());
}

Result<int64_t> to_index(const Value& value, std::string_view what) {
  const auto integer = integer_of(value);
  if (!integer) return failure("{} must be an integer, not {}", what, type_name(value));
  constexpr Int kLow = std::numeric_limits<int64_t>::min();
  constexpr Int kHigh = std::numeric_limits<int64_t>::max();
  return static_cast<int64_t>(std::clamp(*integer, kLow, kHigh));
}

}  // namespace paddock::text::jinja
