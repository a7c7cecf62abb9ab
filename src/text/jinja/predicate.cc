// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/predicate.h"

#include "text/jinja/filter.h"
#include "text/jinja/iterate.h"
#include "text/jinja/macro.h"
#include "text/jinja/method.h"
#include "text/jinja/number.h"
#include "text/jinja/operation.h"
#include "text/jinja/print.h"

namespace paddock::text::jinja {
namespace {

// A question about the value alone.
template <bool (*kHolds)(const Value&)>
Result<bool> ask(Runtime&, const Value& subject, const Arguments& arguments) {
  TRY_VOID(Bound::bind("the test", arguments, {}));
  return kHolds(subject);
}

bool is_defined(const Value& value) { return !value.is<Undefined>(); }
bool is_undefined(const Value& value) { return value.is<Undefined>(); }
bool is_none(const Value& value) { return value.is<None>(); }
bool is_boolean(const Value& value) { return value.is<bool>(); }
bool is_exactly_true(const Value& value) { return value.is<bool>() && *value.as<bool>(); }
bool is_exactly_false(const Value& value) { return value.is<bool>() && !*value.as<bool>(); }
bool is_integer(const Value& value) { return value.is<Int>(); }
bool is_float(const Value& value) { return value.is<double>(); }
bool is_number(const Value& value) { return number_of(value).has_value(); }
bool is_string(const Value& value) { return value.text() != nullptr; }
bool is_mapping(const Value& value) { return value.is<DictPtr>(); }
bool is_sequence(const Value& value) { return length_of(value).has_value() && !value.is<DictView>(); }
bool is_markup(const Value& value) { return value.text() && (*value.as<StringPtr>())->is_markup; }
bool is_callable(const Value& value) {
  return value.is<const Function*>() || value.is<BoundMethod>() || value.is<Undefined>() || value.object<Macro>() ||
         value.object<Joiner>() || value.object<Loop>();
}

template <Comparison kComparison>
Result<bool> ask_comparison(Runtime& runtime, const Value& subject, const Arguments& arguments) {
  const Bound bound = TRY(Bound::bind("the test", arguments, {"other"}, 1));
  return compare(kComparison, subject, bound[0], runtime);
}

Result<bool> is_sameas(Runtime&, const Value& subject, const Arguments& arguments) {
  const Bound bound = TRY(Bound::bind("sameas", arguments, {"other"}, 1));
  return are_identical(subject, bound[0]);
}

Result<bool> remainder_is(Runtime& runtime, const Value& subject, const Value& divisor, Int wanted) {
  const Value remainder = TRY(operate(Operator::kModulo, subject, divisor, runtime));
  return are_equal(remainder, Value(wanted), runtime.budget);
}

template <int kRemainder>
Result<bool> is_parity(Runtime& runtime, const Value& subject, const Arguments& arguments) {
  TRY_VOID(Bound::bind("odd or even", arguments, {}));
  return remainder_is(runtime, subject, Value(Int{2}), kRemainder);
}

Result<bool> is_divisible(Runtime& runtime, const Value& subject, const Arguments& arguments) {
  const Bound bound = TRY(Bound::bind("divisibleby", arguments, {"num"}, 1));
  return remainder_is(runtime, subject, bound[0], 0);
}

template <bool kUpper>
Result<bool> is_of_case(Runtime& runtime, const Value& subject, const Arguments& arguments) {
  TRY_VOID(Bound::bind("lower or upper", arguments, {}));
  const Value string = TRY(to_string(subject, runtime.budget));
  return is_true(TRY(find_string_method(kUpper ? "isupper" : "islower")->call(runtime, string, {})));
}

template <bool kFilter>
Result<bool> is_known(Runtime&, const Value& subject, const Arguments& arguments) {
  TRY_VOID(Bound::bind("filter or test", arguments, {}));
  const Text* name = subject.text();
  return name && (kFilter ? find_filter(name->bytes()) != nullptr : find_predicate(name->bytes()) != nullptr);
}

constexpr Predicate kPredicates[] = {
    {"!=", ask_comparison<Comparison::kNotEqual>},
    {"<", ask_comparison<Comparison::kLess>},
    {"<=", ask_comparison<Comparison::kLessEqual>},
    {"==", ask_comparison<Comparison::kEqual>},
    {">", ask_comparison<Comparison::kGreater>},
    {">=", ask_comparison<Comparison::kGreaterEqual>},
    {"boolean", ask<is_boolean>},
    {"callable", ask<is_callable>},
    {"defined", ask<is_defined>},
    {"divisibleby", is_divisible},
    {"eq", ask_comparison<Comparison::kEqual>},
    {"equalto", ask_comparison<Comparison::kEqual>},
    {"escaped", ask<is_markup>},
    {"even", is_parity<0>},
    {"false", ask<is_exactly_false>},
    {"filter", is_known<true>},
    {"float", ask<is_float>},
    {"ge", ask_comparison<Comparison::kGreaterEqual>},
    {"greaterthan", ask_comparison<Comparison::kGreater>},
    {"gt", ask_comparison<Comparison::kGreater>},
    {"in", ask_comparison<Comparison::kIn>},
    {"integer", ask<is_integer>},
    {"iterable", ask<is_iterable>},
    {"le", ask_comparison<Comparison::kLessEqual>},
    {"lessthan", ask_comparison<Comparison::kLess>},
    {"lower", is_of_case<false>},
    {"lt", ask_comparison<Comparison::kLess>},
    {"mapping", ask<is_mapping>},
    {"ne", ask_comparison<Comparison::kNotEqual>},
    {"none", ask<is_none>},
    {"number", ask<is_number>},
    {"odd", is_parity<1>},
    {"sameas", is_sameas},
    {"sequence", ask<is_sequence>},
    {"string", ask<is_string>},
    {"test", is_known<false>},
    {"true", ask<is_exactly_true>},
    {"undefined", ask<is_undefined>},
    {"upper", is_of_case<true>},
};

}  // namespace

const Predicate* find_predicate(std::string_view name) {
  for (const Predicate& predicate : kPredicates)
    if (predicate.name == name) return &predicate;
  return nullptr;
}

}  // namespace paddock::text::jinja
