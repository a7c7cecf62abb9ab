// SPDX-License-Identifier: Apache-2.0
#pragma once
// Repetitions with large bounds, without as many copies.

#include "grammar/expression.h"
#include "grammar/rules.h"

namespace paddock::grammar {

// Turns repetitions that would need many states into calls of counted rules, which are added to `builder`.
Result<Expression> split_repetitions(Expression expression, RuleBuilder& builder, Budget& budget);

}  // namespace paddock::grammar
