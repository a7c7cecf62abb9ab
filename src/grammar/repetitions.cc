// SPDX-License-Identifier: Apache-2.0
#include "grammar/repetitions.h"

namespace paddock::grammar {

namespace {

// A call costs a matcher about as much as some bytes, a state a kilobyte: up to here copies are better.
constexpr size_t kManyStates = 500;

}  // namespace

Result<Expression> split_repetitions(Expression expression, RuleBuilder& builder, Budget& budget) {
  TRY_VOID(budget.spend(1));
  for (Expression& part : expression.parts) part = TRY(split_repetitions(std::move(part), builder, budget));
  const bool is_bounded = expression.kind == Expression::Kind::kRepeat && (expression.min > 1 || expression.max > 1) &&
                          !(expression.min <= 1 && expression.max == kUnbounded);
  if (!is_bounded || size_of(expression, kManyStates) < kManyStates) return expression;
  const RuleId rule = builder.declare();
  Nfa nfa;
  TRY_VOID(lower(expression.parts[0], nfa, nfa.start(), nfa.accept(), budget));
  TRY_VOID(builder.define(rule, nfa, Count{expression.min, expression.max}));
  return call(rule);
}

}  // namespace paddock::grammar
