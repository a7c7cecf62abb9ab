// SPDX-License-Identifier: Apache-2.0
#include "grammar/grammar.h"

#include "grammar/ebnf.h"
#include "grammar/regex.h"
#include "grammar/repetitions.h"
#include "grammar/rules.h"

namespace paddock::grammar {

namespace {

constexpr std::string_view kRegexSource = "regular expression";

Result<Rules> rules_of_regex(std::string_view pattern) {
  Budget budget;
  RuleBuilder builder(budget);
  const RuleId root = builder.declare();
  const Dfa automaton = TRY(matching_whole(pattern, kRegexSource, budget));
  Nfa nfa;
  add_automaton(nfa, nfa.start(), automaton, nfa.accept());
  TRY_VOID(builder.define(root, nfa));
  return std::move(builder).finish(root);
}

bool has_anchors(const Expression& expression) {
  if (expression.kind == Expression::Kind::kBegin || expression.kind == Expression::Kind::kEnd) return true;
  for (const Expression& part : expression.parts)
    if (has_anchors(part)) return true;
  return false;
}

// Repetitions as counted rules instead of copies: for patterns that have too many.
Result<Rules> rules_of_counted_regex(std::string_view pattern) {
  Budget budget;
  RuleBuilder builder(budget);
  const RuleId root = builder.declare();
  Expression expression = TRY(parse_regex(pattern, kRegexSource));
  // At the ends of a pattern that the whole text matches, anchors say nothing.
  if (expression.kind == Expression::Kind::kSequence && !expression.parts.empty()) {
    if (expression.parts.front().kind == Expression::Kind::kBegin) expression.parts.erase(expression.parts.begin());
    if (!expression.parts.empty() && expression.parts.back().kind == Expression::Kind::kEnd)
      expression.parts.pop_back();
  }
  if (has_anchors(expression))
    return error(ErrorCode::kLimit, "{}: too many states for a pattern with '^' or '$' inside; make it smaller",
                 kRegexSource);
  expression = TRY(split_repetitions(std::move(expression), builder, budget));
  Nfa nfa;
  TRY_VOID(lower(expression, nfa, nfa.start(), nfa.accept(), budget));
  TRY_VOID(builder.define(root, nfa));
  return std::move(builder).finish(root);
}

Result<Grammar::Pointer> grammar_of(Result<Rules> rules) {
  if (!rules) return tl::unexpected(std::move(rules).error());
  return std::make_shared<const Grammar>(std::make_unique<const Rules>(std::move(*rules)));
}

}  // namespace

Grammar::Grammar(std::unique_ptr<const Rules> rules) : rules_(std::move(rules)) {}
Grammar::~Grammar() = default;

Result<Grammar::Pointer> Grammar::from_regex(std::string_view pattern) {
  Result<Rules> rules = rules_of_regex(pattern);
  if (!rules && rules.error().code == ErrorCode::kLimit) rules = rules_of_counted_regex(pattern);
  return grammar_of(std::move(rules));
}

Result<Grammar::Pointer> Grammar::from_ebnf(std::string_view text) { return grammar_of(compile_ebnf(text)); }

}  // namespace paddock::grammar
