// SPDX-License-Identifier: Apache-2.0
#pragma once
// The expressions of a template by recursive descent, from the loosest operator to the tightest:
// if else | or | and | not | == < in … | + - | ~ | * / // % | ** | unary - + | .name [item] (call) | filters and tests.

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.h"
#include "text/jinja/ast.h"
#include "text/jinja/budget.h"
#include "text/jinja/lexer.h"

namespace paddock::text::jinja {

class ExpressionParser {
 protected:
  explicit ExpressionParser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  // The stream of tokens. The last one, kEnd, is never passed.
  const Token& current() const { return tokens_[position_]; }
  const Token& following() const { return tokens_[std::min(position_ + 1, tokens_.size() - 1)]; }
  bool at(TokenKind kind) const { return current().kind == kind; }
  bool at_word(std::string_view word) const { return at(TokenKind::kName) && current().text == word; }
  Token take();
  bool skip(TokenKind kind);
  bool skip_word(std::string_view word);
  Result<Token> expect(TokenKind kind);
  Result<void> expect_word(std::string_view word);
  tl::unexpected<Error> unexpected(std::string_view expected) const;
  Result<void> check_nesting() const;  // after a DepthGuard on nesting_

  Name intern(const std::string& name);
  // Notes that the macro being parsed uses a variable, for caller, varargs and kwargs.
  void note_use(std::string_view name);

  // An expression, or several with commas between them, which make a tuple. Where a conditional is not allowed, "if"
  // ends it.
  Result<ExpressionPtr> parse_tuple(bool with_conditional = true, std::string_view end_word = {});
  Result<ExpressionPtr> parse_expression(bool with_conditional = true);
  Result<ExpressionPtr> parse_primary();
  Result<ExpressionPtr> parse_filters(ExpressionPtr subject, bool at_name);  // at_name: the first without its |
  bool ends_tuple(std::string_view end_word) const;

  Ast ast_;
  std::vector<MacroCode*> macros_;  // being parsed, the innermost last
  int nesting_ = 0;
  int branches_ = 0;  // of {% if %} around what is being parsed
  std::optional<Error>
      unknown_;  // the first filter or test of an unknown name that is not in a branch, which may never run

 private:
  void note_unknown(int line, std::string_view what, const std::string& name);
  Result<ExpressionPtr> make(int line, Expression::Node node) const;
  Result<ExpressionPtr> parse_conditional();
  Result<ExpressionPtr> parse_or();
  Result<ExpressionPtr> parse_and();
  Result<ExpressionPtr> parse_not();
  Result<ExpressionPtr> parse_compare();
  Result<ExpressionPtr> parse_sum();
  Result<ExpressionPtr> parse_concatenation();
  Result<ExpressionPtr> parse_product();
  Result<ExpressionPtr> parse_power();
  Result<ExpressionPtr> parse_unary(bool with_filters = true);
  Result<ExpressionPtr> parse_postfix(ExpressionPtr expression);
  Result<ExpressionPtr> parse_filters_and_tests(ExpressionPtr expression);
  Result<ExpressionPtr> parse_list();
  Result<ExpressionPtr> parse_dict();
  Result<ExpressionPtr> parse_attribute(ExpressionPtr object);
  Result<ExpressionPtr> parse_subscript(ExpressionPtr object);
  Result<ExpressionPtr> parse_call(ExpressionPtr callee);
  Result<ExpressionPtr> parse_test(ExpressionPtr subject);
  Result<CallArguments> parse_arguments();
  Result<std::string> parse_dotted_name();

  std::vector<Token> tokens_;
  size_t position_ = 0;
  std::unordered_map<std::string, Name> interned_;
};

}  // namespace paddock::text::jinja
