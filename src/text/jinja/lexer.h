// SPDX-License-Identifier: Apache-2.0
#pragma once
// A template's source as tokens: text outside of tags, and names, literals and operators inside. White space around
// tags is already cut as trim_blocks, lstrip_blocks and the signs - and + say.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/jinja/number.h"

namespace paddock::text::jinja {

enum class TokenKind {
  kEnd,
  kData,
  kBlockBegin,
  kBlockEnd,
  kVariableBegin,
  kVariableEnd,
  kName,
  kString,
  kInteger,
  kFloat,
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kFloorDivide,
  kModulo,
  kPower,
  kTilde,
  kLeftBracket,
  kRightBracket,
  kLeftParenthesis,
  kRightParenthesis,
  kLeftBrace,
  kRightBrace,
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kAssign,
  kDot,
  kColon,
  kPipe,
  kComma,
  kSemicolon,
};

struct Token {
  TokenKind kind;
  int line;
  std::string text;  // data, name, or the string that a literal stands for
  Int integer = 0;
  double number = 0;
};

// What an error message calls it.
std::string describe(TokenKind kind);
std::string describe(const Token& token);

// The last token is kEnd.
Result<std::vector<Token>> tokenize(std::string_view source);

// "line 3: …": a mistake in the template's source.
template <typename... Args>
tl::unexpected<Error> syntax_error(int line, fmt::format_string<Args...> format, Args&&... args) {
  return error(ErrorCode::kBadFile, "line {}: {}", line, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace paddock::text::jinja
