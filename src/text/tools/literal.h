// SPDX-License-Identifier: Apache-2.0
#pragma once
// The single values of a tool call's arguments, read byte by byte: strings, numbers, and the words for true, false and
// null. Python's and JSON's ways of writing them are both taken everywhere, but for a few escapes.

#include <cstdint>
#include <string>
#include <string_view>

#include "text/tools/step.h"

namespace paddock::text::tools {

enum class Dialect {
  kJson,    // objects and tags: \/ is a slash
  kPython,  // lists of calls: more escapes, triple quotes, tuples, a plus before a number
};

// Appends `text`, which is UTF-8, as the inside of a JSON string.
void append_json_escaped(std::string& json, std::string_view text);

// The same with its quotes.
void append_json_string(std::string& json, std::string_view text);

// A string after its opening quote, which may be ' or ". An unknown escape keeps its backslash, surrogates join, and a
// lone one becomes U+FFFD. Ill-formed UTF-8 does not occur.
class StringLiteral {
 public:
  StringLiteral(char quote, Dialect dialect)
      : quote_(quote), dialect_(dialect), state_(dialect == Dialect::kPython ? State::kOpened : State::kBody) {}

  Step take(char byte);  // kEnded is possible for an empty string of Python's, which may have opened a triple quote
  std::string& value() { return value_; }
  const std::string& value() const { return value_; }

 private:
  enum class State { kOpened, kEmptyOrTriple, kBody, kEscape, kHex };

  Step take_in_body(char byte);
  void take_escape(char byte);
  void append_unit(uint32_t unit);
  void append_plain(char byte);
  void flush_surrogate();
  void flush_quotes();

  char quote_;
  Dialect dialect_;
  State state_;
  bool is_triple_ = false;
  int quotes_ = 0;          // in a row, inside triple quotes
  uint32_t surrogate_ = 0;  // a high one that waits for its low one, or 0
  std::string digits_;      // of an escape, after its letter
  size_t wanted_digits_ = 0;
  std::string value_;
};

// The longest beginning that is a number; what follows it is the caller's to judge.
class NumberLiteral {
 public:
  // `first` is a digit, a point or a sign.
  static bool begins(char first, Dialect dialect);
  explicit NumberLiteral(char first) { take(first); }

  Step take(char byte);      // kMore, kEnded or kRefused
  bool overflows() const;    // too great for a double, and no integer; after the end
  std::string json() const;  // integers with all their digits

 private:
  enum class State { kStart, kSign, kZero, kInteger, kPoint, kFraction, kExponent, kExponentSign, kExponentDigits };
  State state_ = State::kStart;
  std::string text_;
};

// true, false, null, True, False, None.
class WordLiteral {
 public:
  explicit WordLiteral(char first) : text_(1, first) {}

  // Of a whole word; empty where it is no literal.
  static std::string_view json(std::string_view word);
  static bool begins(std::string_view prefix);

  Step take(char byte);
  std::string_view json() const { return json(text_); }

 private:
  std::string text_;
};

}  // namespace paddock::text::tools
