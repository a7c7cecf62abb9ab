// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/operation.h"

#include "text/jinja/access.h"
#include "text/jinja/format.h"
#include "text/jinja/number.h"
#include "text/jinja/string_ops.h"

namespace paddock::text::jinja {
namespace {

// A list or tuple of the left's type.
Result<Value> make_like(const Value& model, std::vector<Value> values, Budget& budget) {
  return model.is<List>() ? make_list(std::move(values), budget) : make_tuple(std::move(values), budget);
}

Result<Value> add_sequences(const Value& left, const Value& right, Budget& budget) {
  const std::vector<Value>& first = *left.items();
  const std::vector<Value>& second = *right.items();
  TRY_VOID(budget.build((first.size() + second.size()) * sizeof(Value)));
  std::vector<Value> all = first;
  all.insert(all.end(), second.begin(), second.end());
  return make_like(left, std::move(all), budget);
}

Result<Value> repeat_sequence(const Value& sequence, int64_t count, Budget& budget) {
  const std::vector<Value>& items = *sequence.items();
  std::vector<Value> all;
  for (int64_t turn = 0; turn < count && !items.empty(); ++turn) {
    TRY_VOID(budget.build(items.size() * sizeof(Value)));
    all.insert(all.end(), items.begin(), items.end());
  }
  return make_like(sequence, std::move(all), budget);
}

}  // namespace

Result<Value> operate(Operator operation, const Value& left, const Value& right, Runtime& runtime) {
  if (operation == Operator::kModulo && left.text()) return format_percent(*left.text(), right, runtime);
  TRY_VOID(check_defined(left));
  TRY_VOID(check_defined(right));
  if (number_of(left) && number_of(right)) return compute(operation, left, right);
  if (operation == Operator::kAdd) {
    if (left.text() && right.text()) return concatenate(left, right, runtime.budget);
    if ((left.is<List>() && right.is<List>()) || (left.is<Tuple>() && right.is<Tuple>()))
      return add_sequences(left, right, runtime.budget);
  }
  if (operation == Operator::kMultiply) {
    const Value& sequence = integer_of(left) ? right : left;
    const Value& count = integer_of(left) ? left : right;
    if (integer_of(count) && sequence.text())
      return repeat(*sequence.text(), TRY(to_index(count, "the count")), runtime.budget);
    if (integer_of(count) && sequence.items())
      return repeat_sequence(sequence, TRY(to_index(count, "the count")), runtime.budget);
  }
  return failure("{} {} {}: this operator does not take these types{}", type_name(left), symbol(operation),
                 type_name(right), operation == Operator::kAdd ? "; ~ joins values of any type as text" : "");
}

Result<Value> negate(const Value& operand, bool negative, Runtime& runtime) {
  TRY_VOID(check_defined(operand));
  if (!number_of(operand)) return failure("{} takes a number, not {}", negative ? "-" : "+", type_name(operand));
  if (const double* number = operand.as<double>()) return Value(negative ? -*number : *number);
  return operate(negative ? Operator::kSubtract : Operator::kAdd, Value(Int{0}), operand, runtime);
}

Result<bool> compare(Comparison comparison, const Value& left, const Value& right, Runtime& runtime) {
  Budget& budget = runtime.budget;
  switch (comparison) {
    case Comparison::kEqual: return are_equal(left, right, budget);
    case Comparison::kNotEqual: return !TRY(are_equal(left, right, budget));
    case Comparison::kLess: return is_less(left, right, budget);
    case Comparison::kGreater: return is_less(right, left, budget);
    case Comparison::kLessEqual:
      // NaN is neither less nor equal, so that "not greater" would not do.
      return TRY(is_less(left, right, budget)) || TRY(are_equal(left, right, budget));
    case Comparison::kGreaterEqual: return TRY(is_less(right, left, budget)) || TRY(are_equal(left, right, budget));
    case Comparison::kIn: return contains(right, left, runtime);
    case Comparison::kNotIn: break;
  }
  return !TRY(contains(right, left, runtime));
}

}  // namespace paddock::text::jinja
