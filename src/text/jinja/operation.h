// SPDX-License-Identifier: Apache-2.0
#pragma once
// The operators of expressions, on values of any type.

#include "base/result.h"
#include "text/jinja/ast.h"
#include "text/jinja/runtime.h"
#include "text/jinja/value.h"

namespace paddock::text::jinja {

// + - * / // % **: of numbers; + of texts, lists and tuples; * of those with a count; % of a text with its values.
Result<Value> operate(Operator operation, const Value& left, const Value& right, Runtime& runtime);

Result<Value> negate(const Value& operand, bool negative, Runtime& runtime);  // -a or +a

Result<bool> compare(Comparison comparison, const Value& left, const Value& right, Runtime& runtime);

}  // namespace paddock::text::jinja
