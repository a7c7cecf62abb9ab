// SPDX-License-Identifier: Apache-2.0
#include "text/tools/literal.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <utility>

#include "base/utf8.h"

namespace paddock::text::tools {
namespace {

constexpr int64_t kGreatestPlace = int64_t{1} << 60;  // more digits than any text has
constexpr uint32_t kReplacement = 0xFFFD;
bool is_high_surrogate(uint32_t unit) { return unit >= 0xD800 && unit < 0xDC00; }
bool is_low_surrogate(uint32_t unit) { return unit >= 0xDC00 && unit < 0xE000; }

constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kWords = {
    {{"true", "true"}, {"false", "false"}, {"null", "null"}, {"True", "true"}, {"False", "false"}, {"None", "null"}}};

bool is_hex_digit(char byte) { return is_digit(byte) || (byte >= 'a' && byte <= 'f') || (byte >= 'A' && byte <= 'F'); }

// The character that \`byte` stands for in both dialects, or 0.
char common_escape(char byte) {
  switch (byte) {
    case 'n': return '\n';
    case 't': return '\t';
    case 'r': return '\r';
    case 'b': return '\b';
    case 'f': return '\f';
    case '\\':
    case '\'':
    case '"': return byte;
    default: return 0;
  }
}

size_t hex_digits(char letter, Dialect dialect) {
  if (letter == 'u') return 4;
  if (dialect == Dialect::kPython && letter == 'x') return 2;
  if (dialect == Dialect::kPython && letter == 'U') return 8;
  return 0;
}

}  // namespace

void append_json_escaped(std::string& json, std::string_view text) {
  for (const char byte : text) {
    if (byte == '"' || byte == '\\') {
      json += '\\';
      json += byte;
    } else if (byte == '\n') {
      json += "\\n";
    } else if (byte == '\t') {
      json += "\\t";
    } else if (static_cast<unsigned char>(byte) < 0x20) {
      fmt::format_to(std::back_inserter(json), "\\u{:04x}", static_cast<unsigned char>(byte));
    } else {
      json += byte;
    }
  }
}

void append_json_string(std::string& json, std::string_view text) {
  json += '"';
  append_json_escaped(json, text);
  json += '"';
}

Step StringLiteral::take(char byte) {
  switch (state_) {
    case State::kOpened:
      state_ = byte == quote_ ? State::kEmptyOrTriple : State::kBody;
      return byte == quote_ ? Step::kMore : take_in_body(byte);
    case State::kEmptyOrTriple:
      if (byte != quote_) return Step::kEnded;
      is_triple_ = true;
      state_ = State::kBody;
      return Step::kMore;
    case State::kBody: return take_in_body(byte);
    case State::kEscape: take_escape(byte); return Step::kMore;
    case State::kHex:
      if (!is_hex_digit(byte)) {  // an unknown escape after all
        append_plain('\\');
        value_ += std::exchange(digits_, {});
        state_ = State::kBody;
        return take_in_body(byte);
      }
      digits_ += byte;
      if (digits_.size() == wanted_digits_ + 1) {
        uint32_t unit = 0;
        std::from_chars(digits_.data() + 1, digits_.data() + digits_.size(), unit, 16);
        digits_.clear();
        append_unit(unit);
        state_ = State::kBody;
      }
      return Step::kMore;
  }
  return Step::kRefused;
}

Step StringLiteral::take_in_body(char byte) {
  if (byte == quote_) {
    if (is_triple_ && ++quotes_ < 3) return Step::kMore;
    flush_surrogate();
    return Step::kDone;
  }
  flush_quotes();
  if (byte == '\\')
    state_ = State::kEscape;
  else
    append_plain(byte);
  return Step::kMore;
}

void StringLiteral::take_escape(char byte) {
  state_ = State::kBody;
  if (wanted_digits_ = hex_digits(byte, dialect_); wanted_digits_ > 0) {
    digits_ = byte;
    state_ = State::kHex;
  } else if (const char known = common_escape(byte); known != 0) {
    append_plain(known);
  } else if (dialect_ == Dialect::kJson && byte == '/') {
    append_plain('/');
  } else if (dialect_ == Dialect::kPython && (byte == 'a' || byte == 'v' || byte == '0')) {
    append_plain(byte == 'a' ? '\a' : byte == 'v' ? '\v' : '\0');
  } else if (dialect_ == Dialect::kPython && byte == '\n') {
    flush_surrogate();  // the line goes on
  } else {
    append_plain('\\');
    append_plain(byte);
  }
}

void StringLiteral::append_unit(uint32_t unit) {
  if (is_low_surrogate(unit) && surrogate_ != 0) {
    append_utf8(value_, 0x10000 + ((surrogate_ - 0xD800) << 10) + (unit - 0xDC00));
    surrogate_ = 0;
    return;
  }
  flush_surrogate();
  if (is_high_surrogate(unit))
    surrogate_ = unit;
  else
    append_utf8(value_, is_low_surrogate(unit) || unit > 0x10FFFF ? kReplacement : unit);
}

void StringLiteral::append_plain(char byte) {
  flush_surrogate();
  append_with_markers(value_, byte);
}

void StringLiteral::flush_surrogate() {
  if (surrogate_ != 0) append_utf8(value_, kReplacement);
  surrogate_ = 0;
}

void StringLiteral::flush_quotes() {
  if (quotes_ > 0) flush_surrogate();
  value_.append(static_cast<size_t>(std::exchange(quotes_, 0)), quote_);
}

bool NumberLiteral::begins(char first, Dialect dialect) {
  return is_digit(first) || first == '-' || first == '.' || (first == '+' && dialect == Dialect::kPython);
}

Step NumberLiteral::take(char byte) {
  const bool digit = is_digit(byte);
  const bool exponent = byte == 'e' || byte == 'E';
  State next = state_;
  switch (state_) {
    case State::kStart:
    case State::kSign:
      if (byte == '0')
        next = State::kZero;
      else if (digit)
        next = State::kInteger;
      else if (byte == '.')
        next = State::kPoint;
      else if (state_ == State::kStart && (byte == '-' || byte == '+'))
        next = State::kSign;
      else
        return Step::kRefused;
      break;
    case State::kZero:
    case State::kInteger:
      if (digit && state_ == State::kZero) return Step::kRefused;  // 007
      if (byte == '.')
        next = State::kFraction;
      else if (exponent)
        next = State::kExponent;
      else if (!digit)
        return Step::kEnded;
      break;
    case State::kPoint:  // without digits before it
      if (!digit) return Step::kRefused;
      next = State::kFraction;
      break;
    case State::kFraction:
      if (exponent)
        next = State::kExponent;
      else if (!digit)
        return Step::kEnded;
      break;
    case State::kExponent:
      if (!digit && byte != '-' && byte != '+') return Step::kRefused;
      next = digit ? State::kExponentDigits : State::kExponentSign;
      break;
    case State::kExponentSign:
      if (!digit) return Step::kRefused;
      next = State::kExponentDigits;
      break;
    case State::kExponentDigits:
      if (!digit) return Step::kEnded;
      break;
  }
  state_ = next;
  text_ += byte;
  return Step::kMore;
}

std::string NumberLiteral::json() const {
  std::string text = text_;
  if (text[0] == '+') text.erase(0, 1);
  const size_t point = text.find('.');
  if (point == std::string::npos) return text;
  if (point + 1 == text.size() || !is_digit(text[point + 1])) text.insert(point + 1, 1, '0');
  if (point == 0 || !is_digit(text[point - 1])) text.insert(point, 1, '0');
  return text;
}

bool NumberLiteral::overflows() const {
  if (text_.find_first_of(".eE") == std::string::npos) return false;
  const std::string text = json();
  double value = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), value).ec != std::errc::result_out_of_range) return false;
  // Out of range at which end? The first digit that is not 0 says, by its place: 10^place.
  const size_t e = std::min(text.find_first_of("eE"), text.size());
  const size_t point = std::min(text.find('.'), e);
  const size_t first = text.find_first_of("123456789");
  if (first >= e) return false;
  int64_t exponent = 0;
  if (e < text.size()) {
    const size_t begin = e + (text[e + 1] == '+' ? 2 : 1);
    const auto read = std::from_chars(text.data() + begin, text.data() + text.size(), exponent);
    if (read.ec == std::errc::result_out_of_range) return text[e + 1] != '-';
  }
  const auto place = static_cast<int64_t>(point) - static_cast<int64_t>(first);
  return place + std::clamp(exponent, -kGreatestPlace, kGreatestPlace) > 0;
}

std::string_view WordLiteral::json(std::string_view word) {
  for (const auto& [literal, json] : kWords)
    if (literal == word) return json;
  return {};
}

bool WordLiteral::begins(std::string_view prefix) {
  return std::any_of(kWords.begin(), kWords.end(), [&](const auto& word) { return word.first.starts_with(prefix); });
}

Step WordLiteral::take(char byte) {
  if (!continues_word(byte)) return json(text_).empty() ? Step::kRefused : Step::kEnded;
  if (!begins(text_ + byte)) return Step::kRefused;
  text_ += byte;
  return Step::kMore;
}

}  // namespace paddock::text::tools
