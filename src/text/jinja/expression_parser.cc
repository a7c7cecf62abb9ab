// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/expression_parser.h"

#include <algorithm>
#include <optional>

#include "text/jinja/filter.h"
#include "text/jinja/predicate.h"

namespace paddock::text::jinja {
namespace {

// Brackets and blocks inside each other, and operators in a row. Published templates have up to about 20 and 40.
constexpr int kMaxNesting = 100;
constexpr int kMaxExpressionDepth = 300;

std::optional<Comparison> comparison_of(TokenKind kind) {
  switch (kind) {
    case TokenKind::kEqual: return Comparison::kEqual;
    case TokenKind::kNotEqual: return Comparison::kNotEqual;
    case TokenKind::kLess: return Comparison::kLess;
    case TokenKind::kLessEqual: return Comparison::kLessEqual;
    case TokenKind::kGreater: return Comparison::kGreater;
    case TokenKind::kGreaterEqual: return Comparison::kGreaterEqual;
    default: return std::nullopt;
  }
}

std::optional<Operator> product_operator(TokenKind kind) {
  switch (kind) {
    case TokenKind::kMultiply: return Operator::kMultiply;
    case TokenKind::kDivide: return Operator::kDivide;
    case TokenKind::kFloorDivide: return Operator::kFloorDivide;
    case TokenKind::kModulo: return Operator::kModulo;
    default: return std::nullopt;
  }
}

}  // namespace

Token ExpressionParser::take() {
  Token token = current();
  if (position_ + 1 < tokens_.size()) ++position_;
  return token;
}

bool ExpressionParser::skip(TokenKind kind) {
  if (!at(kind)) return false;
  take();
  return true;
}

bool ExpressionParser::skip_word(std::string_view word) {
  if (!at_word(word)) return false;
  take();
  return true;
}

Result<Token> ExpressionParser::expect(TokenKind kind) {
  if (!at(kind)) return unexpected(describe(kind));
  return take();
}

Result<void> ExpressionParser::expect_word(std::string_view word) {
  if (!skip_word(word)) return unexpected(fmt::format("'{}'", word));
  return {};
}

tl::unexpected<Error> ExpressionParser::unexpected(std::string_view expected) const {
  return syntax_error(current().line, "expected {}, found {}", expected, describe(current()));
}

Result<void> ExpressionParser::check_nesting() const {
  if (nesting_ <= kMaxNesting) return {};
  return syntax_error(current().line, "more than {} brackets or blocks inside each other", kMaxNesting);
}

Name ExpressionParser::intern(const std::string& name) {
  const auto [found, is_new] = interned_.emplace(name, static_cast<Name>(ast_.names.size()));
  if (is_new) ast_.names.push_back(name);
  return found->second;
}

void ExpressionParser::note_use(std::string_view name) {
  for (MacroCode* macro : macros_) {
    macro->uses_caller |= name == "caller";
    macro->uses_varargs |= name == "varargs";
    macro->uses_kwargs |= name == "kwargs";
  }
}

void ExpressionParser::note_unknown(int line, std::string_view what, const std::string& name) {
  if (branches_ == 0 && !unknown_) unknown_ = syntax_error(line, "there is no {} named '{}'", what, name).value();
}

Result<ExpressionPtr> ExpressionParser::make(int line, Expression::Node node) const {
  int depth = 1;
  for_each_part(node, [&](const Expression& part) { depth = std::max(depth, part.depth + 1); });
  if (depth > kMaxExpressionDepth)
    return syntax_error(line, "the expression has more than {} operators inside each other", kMaxExpressionDepth);
  return std::make_unique<Expression>(Expression{line, depth, std::move(node)});
}

bool ExpressionParser::ends_tuple(std::string_view end_word) const {
  return at(TokenKind::kVariableEnd) || at(TokenKind::kBlockEnd) || at(TokenKind::kRightParenthesis) ||
         (!end_word.empty() && at_word(end_word));
}

Result<ExpressionPtr> ExpressionParser::parse_tuple(bool with_conditional, std::string_view end_word) {
  const int line = current().line;
  if (ends_tuple(end_word)) return unexpected("an expression");
  ExpressionPtr first = TRY(parse_expression(with_conditional));
  if (!at(TokenKind::kComma)) return first;
  TupleDisplay tuple;
  tuple.items.push_back(std::move(first));
  while (skip(TokenKind::kComma)) {
    if (ends_tuple(end_word)) break;
    tuple.items.push_back(TRY(parse_expression(with_conditional)));
  }
  return make(line, std::move(tuple));
}

Result<ExpressionPtr> ExpressionParser::parse_expression(bool with_conditional) {
  const DepthGuard guard(nesting_);
  TRY_VOID(check_nesting());
  return with_conditional ? parse_conditional() : parse_or();
}

// a if b else c; what stands right of an else may be another one.
Result<ExpressionPtr> ExpressionParser::parse_conditional() {
  const int line = current().line;
  const std::optional<Error> unknown_before = unknown_;
  ExpressionPtr expression = TRY(parse_or());
  while (skip_word("if")) {
    Conditional conditional;
    conditional.when_true = std::move(expression);
    conditional.test = TRY(parse_or());
    if (skip_word("else")) conditional.when_false = TRY(parse_expression());
    expression = TRY(make(line, std::move(conditional)));
    unknown_ = unknown_before;
  }
  return expression;
}

Result<ExpressionPtr> ExpressionParser::parse_or() {
  const int line = current().line;
  ExpressionPtr left = TRY(parse_and());
  while (skip_word("or")) {
    ExpressionPtr right = TRY(parse_and());
    left = TRY(make(line, Logic{false, std::move(left), std::move(right)}));
  }
  return left;
}

Result<ExpressionPtr> ExpressionParser::parse_and() {
  const int line = current().line;
  ExpressionPtr left = TRY(parse_not());
  while (skip_word("and")) {
    ExpressionPtr right = TRY(parse_not());
    left = TRY(make(line, Logic{true, std::move(left), std::move(right)}));
  }
  return left;
}

Result<ExpressionPtr> ExpressionParser::parse_not() {
  const int line = current().line;
  if (!skip_word("not")) return parse_compare();
  const DepthGuard guard(nesting_);
  TRY_VOID(check_nesting());
  return make(line, Not{TRY(parse_not())});
}

Result<ExpressionPtr> ExpressionParser::parse_compare() {
  const int line = current().line;
  Compare compare;
  compare.first = TRY(parse_sum());
  for (;;) {
    std::optional<Comparison> comparison = comparison_of(current().kind);
    if (at_word("in")) comparison = Comparison::kIn;
    const bool not_in = at_word("not") && following().kind == TokenKind::kName && following().text == "in";
    if (not_in) {
      comparison = Comparison::kNotIn;
      take();
    }
    if (!comparison) break;
    take();
    compare.others.emplace_back(*comparison, TRY(parse_sum()));
  }
  if (compare.others.empty()) return std::move(compare.first);
  return make(line, std::move(compare));
}

Result<ExpressionPtr> ExpressionParser::parse_sum() {
  const int line = current().line;
  ExpressionPtr left = TRY(parse_concatenation());
  while (at(TokenKind::kAdd) || at(TokenKind::kSubtract)) {
    const Operator operation = take().kind == TokenKind::kAdd ? Operator::kAdd : Operator::kSubtract;
    ExpressionPtr right = TRY(parse_concatenation());
    left = TRY(make(line, Arithmetic{operation, std::move(left), std::move(right)}));
  }
  return left;
}

Result<ExpressionPtr> ExpressionParser::parse_concatenation() {
  const int line = current().line;
  Concatenation concatenation;
  concatenation.parts.push_back(TRY(parse_product()));
  while (skip(TokenKind::kTilde)) concatenation.parts.push_back(TRY(parse_product()));
  if (concatenation.parts.size() == 1) return std::move(concatenation.parts.front());
  return make(line, std::move(concatenation));
}

Result<ExpressionPtr> ExpressionParser::parse_product() {
  const int line = current().line;
  ExpressionPtr left = TRY(parse_power());
  while (const auto operation = product_operator(current().kind)) {
    take();
    ExpressionPtr right = TRY(parse_power());
    left = TRY(make(line, Arithmetic{*operation, std::move(left), std::move(right)}));
  }
  return left;
}

// From left to right, unlike Python's own **.
Result<ExpressionPtr> ExpressionParser::parse_power() {
  const int line = current().line;
  ExpressionPtr left = TRY(parse_unary());
  while (skip(TokenKind::kPower)) {
    ExpressionPtr right = TRY(parse_unary());
    left = TRY(make(line, Arithmetic{Operator::kPower, std::move(left), std::move(right)}));
  }
  return left;
}

Result<ExpressionPtr> ExpressionParser::parse_unary(bool with_filters) {
  const DepthGuard guard(nesting_);
  TRY_VOID(check_nesting());
  const int line = current().line;
  ExpressionPtr expression;
  if (at(TokenKind::kSubtract) || at(TokenKind::kAdd)) {
    const bool negative = take().kind == TokenKind::kSubtract;
    expression = TRY(make(line, Negation{TRY(parse_unary(false)), negative}));
  } else {
    expression = TRY(parse_primary());
  }
  expression = TRY(parse_postfix(std::move(expression)));
  if (with_filters) expression = TRY(parse_filters_and_tests(std::move(expression)));
  return expression;
}

Result<ExpressionPtr> ExpressionParser::parse_primary() {
  const int line = current().line;
  switch (current().kind) {
    case TokenKind::kName: {
      const std::string name = take().text;
      if (name == "true" || name == "True") return make(line, Literal{true});
      if (name == "false" || name == "False") return make(line, Literal{false});
      if (name == "none" || name == "None") return make(line, Literal{None{}});
      note_use(name);
      return make(line, Variable{intern(name)});
    }
    case TokenKind::kString: {
      std::string text;
      while (at(TokenKind::kString)) text += take().text;  // neighbours are one string
      return make(line, Literal{make_string(Text(std::move(text), true))});
    }
    case TokenKind::kInteger: return make(line, Literal{take().integer});
    case TokenKind::kFloat: return make(line, Literal{take().number});
    case TokenKind::kLeftParenthesis: {
      take();
      if (skip(TokenKind::kRightParenthesis)) return make(line, TupleDisplay{});
      ExpressionPtr expression = TRY(parse_tuple());
      TRY_VOID(expect(TokenKind::kRightParenthesis));
      return expression;
    }
    case TokenKind::kLeftBracket: return parse_list();
    case TokenKind::kLeftBrace: return parse_dict();
    default: return unexpected("an expression");
  }
}

Result<ExpressionPtr> ExpressionParser::parse_list() {
  const int line = take().line;
  ListDisplay list;
  while (!at(TokenKind::kRightBracket)) {
    list.items.push_back(TRY(parse_expression()));
    if (!at(TokenKind::kRightBracket)) TRY_VOID(expect(TokenKind::kComma));
  }
  take();
  return make(line, std::move(list));
}

Result<ExpressionPtr> ExpressionParser::parse_dict() {
  const int line = take().line;
  DictDisplay dict;
  while (!at(TokenKind::kRightBrace)) {
    ExpressionPtr key = TRY(parse_expression());
    TRY_VOID(expect(TokenKind::kColon));
    dict.entries.emplace_back(std::move(key), TRY(parse_expression()));
    if (!at(TokenKind::kRightBrace)) TRY_VOID(expect(TokenKind::kComma));
  }
  take();
  return make(line, std::move(dict));
}

Result<ExpressionPtr> ExpressionParser::parse_postfix(ExpressionPtr expression) {
  for (;;) {
    if (at(TokenKind::kDot)) {
      expression = TRY(parse_attribute(std::move(expression)));
    } else if (at(TokenKind::kLeftBracket)) {
      expression = TRY(parse_subscript(std::move(expression)));
    } else if (at(TokenKind::kLeftParenthesis)) {
      expression = TRY(parse_call(std::move(expression)));
    } else {
      return expression;
    }
  }
}

Result<ExpressionPtr> ExpressionParser::parse_filters_and_tests(ExpressionPtr expression) {
  for (;;) {
    if (at(TokenKind::kPipe)) {
      expression = TRY(parse_filters(std::move(expression), false));
    } else if (at_word("is")) {
      expression = TRY(parse_test(std::move(expression)));
    } else if (at(TokenKind::kLeftParenthesis)) {
      expression = TRY(parse_call(std::move(expression)));
    } else {
      return expression;
    }
  }
}

Result<ExpressionPtr> ExpressionParser::parse_attribute(ExpressionPtr object) {
  const int line = take().line;
  if (at(TokenKind::kName)) return make(line, Attribute{std::move(object), take().text});
  if (!at(TokenKind::kInteger)) return unexpected("a name or number after '.'");
  ExpressionPtr index = TRY(make(line, Literal{take().integer}));
  return make(line, Subscript{std::move(object), std::move(index)});
}

Result<ExpressionPtr> ExpressionParser::parse_subscript(ExpressionPtr object) {
  const int line = take().line;
  ExpressionPtr start;
  if (!at(TokenKind::kColon)) {
    start = TRY(parse_expression());
    if (at(TokenKind::kComma)) {  // a[b, c] is an item whose key is a tuple
      TupleDisplay key;
      key.items.push_back(std::move(start));
      while (skip(TokenKind::kComma)) {
        if (at(TokenKind::kRightBracket)) break;
        key.items.push_back(TRY(parse_expression()));
      }
      start = TRY(make(line, std::move(key)));
    }
    if (skip(TokenKind::kRightBracket)) return make(line, Subscript{std::move(object), std::move(start)});
  }
  SliceSubscript slice{std::move(object), std::move(start), nullptr, nullptr};
  TRY_VOID(expect(TokenKind::kColon));
  if (!at(TokenKind::kColon) && !at(TokenKind::kRightBracket)) slice.stop = TRY(parse_expression());
  if (skip(TokenKind::kColon) && !at(TokenKind::kRightBracket)) slice.step = TRY(parse_expression());
  TRY_VOID(expect(TokenKind::kRightBracket));
  return make(line, std::move(slice));
}

Result<CallArguments> ExpressionParser::parse_arguments() {
  CallArguments arguments;
  take();
  while (!at(TokenKind::kRightParenthesis)) {
    const bool starred = arguments.star || arguments.double_star;
    if (at(TokenKind::kMultiply)) {
      if (starred) return syntax_error(current().line, "a call may have one *argument, before any **argument");
      take();
      arguments.star = TRY(parse_expression());
    } else if (at(TokenKind::kPower)) {
      if (arguments.double_star) return syntax_error(current().line, "a call may have one **argument");
      take();
      arguments.double_star = TRY(parse_expression());
    } else if (at(TokenKind::kName) && following().kind == TokenKind::kAssign) {
      if (arguments.double_star) return syntax_error(current().line, "a named argument cannot follow a **argument");
      const std::string name = take().text;
      take();
      for (const auto& [other, value] : arguments.keyword)
        if (other == name) return syntax_error(current().line, "the argument {} is given twice", name);
      arguments.keyword.emplace_back(name, TRY(parse_expression()));
    } else {
      if (starred || !arguments.keyword.empty())
        return syntax_error(current().line, "an argument without a name cannot follow one with a name");
      arguments.positional.push_back(TRY(parse_expression()));
    }
    if (!at(TokenKind::kRightParenthesis)) TRY_VOID(expect(TokenKind::kComma));
  }
  take();
  return arguments;
}

Result<ExpressionPtr> ExpressionParser::parse_call(ExpressionPtr callee) {
  const int line = current().line;
  CallArguments arguments = TRY(parse_arguments());
  return make(line, Call{std::move(callee), std::move(arguments)});
}

Result<std::string> ExpressionParser::parse_dotted_name() {
  std::string name = TRY(expect(TokenKind::kName)).text;
  while (skip(TokenKind::kDot)) name += "." + TRY(expect(TokenKind::kName)).text;
  return name;
}

Result<ExpressionPtr> ExpressionParser::parse_filters(ExpressionPtr subject, bool at_name) {
  while (at_name || skip(TokenKind::kPipe)) {
    at_name = false;
    FilterUse use;
    const int line = current().line;
    use.subject = std::move(subject);
    use.name = TRY(parse_dotted_name());
    use.filter = find_filter(use.name);
    if (!use.filter) note_unknown(line, "filter", use.name);
    if (at(TokenKind::kLeftParenthesis)) use.arguments = TRY(parse_arguments());
    subject = TRY(make(line, std::move(use)));
  }
  return subject;
}

Result<ExpressionPtr> ExpressionParser::parse_test(ExpressionPtr subject) {
  const int line = take().line;
  const bool negated = skip_word("not");
  TestUse use;
  use.subject = std::move(subject);
  use.name = TRY(parse_dotted_name());
  use.predicate = find_predicate(use.name);
  if (!use.predicate) note_unknown(line, "test", use.name);
  const bool literal_follows = at(TokenKind::kString) || at(TokenKind::kInteger) || at(TokenKind::kFloat) ||
                               at(TokenKind::kLeftBracket) || at(TokenKind::kLeftBrace);
  const bool name_follows = at(TokenKind::kName) && !at_word("else") && !at_word("or") && !at_word("and");
  if (at(TokenKind::kLeftParenthesis)) {
    use.arguments = TRY(parse_arguments());
  } else if (literal_follows || name_follows) {  // "is divisibleby 3"
    if (at_word("is")) return syntax_error(current().line, "tests cannot follow each other; join them with 'and'");
    const DepthGuard guard(nesting_);
    TRY_VOID(check_nesting());
    use.arguments.positional.push_back(TRY(parse_postfix(TRY(parse_primary()))));
  }
  ExpressionPtr test = TRY(make(line, std::move(use)));
  return negated ? make(line, Not{std::move(test)}) : Result<ExpressionPtr>(std::move(test));
}

}  // namespace paddock::text::jinja
