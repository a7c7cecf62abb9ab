// SPDX-License-Identifier: Apache-2.0
// The expressions of a template, and calls.
#include <algorithm>
#include <utility>

#include "text/jinja/access.h"
#include "text/jinja/filter.h"
#include "text/jinja/function.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/iterate.h"
#include "text/jinja/method.h"
#include "text/jinja/operation.h"
#include "text/jinja/predicate.h"
#include "text/jinja/print.h"

namespace paddock::text::jinja {

Result<Value> Interpreter::evaluate(const Expression& expression, const ScopePtr& scope) {
  const DepthGuard guard(depth_);
  TRY_VOID(check_depth());
  TRY_VOID(runtime_.budget.spend(1));
  line_ = expression.line;
  return std::visit([&](const auto& node) { return evaluate_node(node, scope); }, expression.node);
}

Result<Value> Interpreter::evaluate_or_none(const ExpressionPtr& expression, const ScopePtr& scope) {
  if (!expression) return Value(None{});
  return evaluate(*expression, scope);
}

Result<std::vector<Value>> Interpreter::evaluate_all(const Expressions& expressions, const ScopePtr& scope) {
  std::vector<Value> values;
  values.reserve(expressions.size());
  for (const ExpressionPtr& expression : expressions) values.push_back(TRY(evaluate(*expression, scope)));
  return values;
}

Result<Arguments> Interpreter::evaluate_arguments(const CallArguments& nodes, const ScopePtr& scope) {
  Arguments arguments{TRY(evaluate_all(nodes.positional, scope)), {}};
  for (const auto& [name, expression] : nodes.keyword)
    arguments.keyword.emplace_back(name, TRY(evaluate(*expression, scope)));
  if (nodes.star) {
    for (Value& value : TRY(collect(TRY(evaluate(*nodes.star, scope)), runtime_)))
      arguments.positional.push_back(std::move(value));
  }
  if (nodes.double_star) {
    const Value named = TRY(evaluate(*nodes.double_star, scope));
    const DictPtr* dict = named.as<DictPtr>();
    if (!dict) return failure("the argument after ** must be a mapping, not {}", type_name(named));
    for (const Dict::Entry& entry : (*dict)->entries()) {
      const Text* name = entry.key.text();
      if (!name) return failure("the keys of a mapping after ** must be texts, not {}", type_name(entry.key));
      if (arguments.find(name->bytes())) return failure("the argument {} is given twice", name->bytes());
      TRY_VOID(runtime_.budget.spend(1 + arguments.keyword.size()));
      arguments.keyword.emplace_back(name->bytes(), entry.value);
    }
  }
  return arguments;
}

Value Interpreter::look_up(Name name, const ScopePtr& scope) const {
  if (const Value* found = scope->find(name)) return *found;
  if (context_[name]) return *context_[name];
  return make_undefined(fmt::format("'{}' is undefined", ast_.names[name]));
}

Result<Value> Interpreter::evaluate_node(const Literal& node, const ScopePtr&) { return node.value; }

Result<Value> Interpreter::evaluate_node(const Variable& node, const ScopePtr& scope) {
  return look_up(node.name, scope);
}

Result<Value> Interpreter::evaluate_node(const ListDisplay& node, const ScopePtr& scope) {
  return make_list(TRY(evaluate_all(node.items, scope)), runtime_.budget);
}

Result<Value> Interpreter::evaluate_node(const TupleDisplay& node, const ScopePtr& scope) {
  return make_tuple(TRY(evaluate_all(node.items, scope)), runtime_.budget);
}

Result<Value> Interpreter::evaluate_node(const DictDisplay& node, const ScopePtr& scope) {
  DictBuilder dict(runtime_.budget);
  for (const auto& [key, value] : node.entries) {
    Value key_value = TRY(evaluate(*key, scope));
    TRY_VOID(dict.set(std::move(key_value), TRY(evaluate(*value, scope))));
  }
  return dict.finish();
}

Result<Value> Interpreter::evaluate_node(const Negation& node, const ScopePtr& scope) {
  return negate(TRY(evaluate(*node.operand, scope)), node.negative, runtime_);
}

Result<Value> Interpreter::evaluate_node(const Arithmetic& node, const ScopePtr& scope) {
  const Value left = TRY(evaluate(*node.left, scope));
  return operate(node.operation, left, TRY(evaluate(*node.right, scope)), runtime_);
}

Result<Value> Interpreter::evaluate_node(const Concatenation& node, const ScopePtr& scope) {
  TextBuilder out(runtime_.budget);
  for (const ExpressionPtr& part : node.parts) TRY_VOID(append_str(out, TRY(evaluate(*part, scope))));
  return out.finish();
}

Result<Value> Interpreter::evaluate_node(const Logic& node, const ScopePtr& scope) {
  Value left = TRY(evaluate(*node.left, scope));
  if (is_true(left) != node.is_and) return left;
  return evaluate(*node.right, scope);
}

Result<Value> Interpreter::evaluate_node(const Not& node, const ScopePtr& scope) {
  return Value(!is_true(TRY(evaluate(*node.operand, scope))));
}

// a < b < c is a < b and b < c.
Result<Value> Interpreter::evaluate_node(const Compare& node, const ScopePtr& scope) {
  Value left = TRY(evaluate(*node.first, scope));
  for (const auto& [comparison, operand] : node.others) {
    Value right = TRY(evaluate(*operand, scope));
    if (!TRY(compare(comparison, left, right, runtime_))) return Value(false);
    left = std::move(right);
  }
  return Value(true);
}

Result<Value> Interpreter::evaluate_node(const Conditional& node, const ScopePtr& scope) {
  if (is_true(TRY(evaluate(*node.test, scope)))) return evaluate(*node.when_true, scope);
  if (node.when_false) return evaluate(*node.when_false, scope);
  return make_undefined("the condition of an 'if' without 'else' is false, so that there is no value");
}

Result<Value> Interpreter::evaluate_node(const Attribute& node, const ScopePtr& scope) {
  return get_attribute(TRY(evaluate(*node.object, scope)), node.name, runtime_);
}

Result<Value> Interpreter::evaluate_node(const Subscript& node, const ScopePtr& scope) {
  const Value object = TRY(evaluate(*node.object, scope));
  return get_item(object, TRY(evaluate(*node.key, scope)), runtime_);
}

Result<Value> Interpreter::evaluate_node(const SliceSubscript& node, const ScopePtr& scope) {
  const Value object = TRY(evaluate(*node.object, scope));
  const Value start = TRY(evaluate_or_none(node.start, scope));
  const Value stop = TRY(evaluate_or_none(node.stop, scope));
  return get_slice(object, start, stop, TRY(evaluate_or_none(node.step, scope)), runtime_);
}

Result<Value> Interpreter::evaluate_node(const Call& node, const ScopePtr& scope) {
  const Value callee = TRY(evaluate(*node.callee, scope));
  return call(callee, TRY(evaluate_arguments(node.arguments, scope)));
}

Result<Value> Interpreter::evaluate_node(const FilterUse& node, const ScopePtr& scope) {
  if (!node.filter) return failure("there is no filter named '{}'", node.name);
  const Value subject = TRY(evaluate(*node.subject, scope));
  return node.filter->apply(runtime_, subject, TRY(evaluate_arguments(node.arguments, scope)));
}

Result<Value> Interpreter::apply_block_filters(const Expression& expression, const Value& text, const ScopePtr& scope) {
  const auto& node = std::get<FilterUse>(expression.node);
  if (!node.filter) return failure("there is no filter named '{}'", node.name);
  const Value subject = node.subject ? TRY(apply_block_filters(*node.subject, text, scope)) : text;
  return node.filter->apply(runtime_, subject, TRY(evaluate_arguments(node.arguments, scope)));
}

Result<Value> Interpreter::evaluate_node(const TestUse& node, const ScopePtr& scope) {
  if (!node.predicate) return failure("there is no test named '{}'", node.name);
  const Value subject = TRY(evaluate(*node.subject, scope));
  return Value(TRY(node.predicate->holds(runtime_, subject, TRY(evaluate_arguments(node.arguments, scope)))));
}

Result<Value> Interpreter::call(const Value& callee, Arguments arguments) {
  TRY_VOID(check_defined(callee));
  if (const auto* function = callee.as<const Function*>()) return (*function)->call(runtime_, arguments);
  if (const auto* bound = callee.as<BoundMethod>()) return bound->method->call(runtime_, *bound->self, arguments);
  if (const auto* macro = callee.object<Macro>()) return call_macro(*macro, std::move(arguments));
  if (auto* joiner = callee.object<Joiner>()) return call_joiner(*joiner, arguments);
  if (const auto* loop = callee.object<Loop>()) return call_loop(*loop, arguments);
  return failure("a value of type {} cannot be called", type_name(callee));
}

Result<Value> Interpreter::call_joiner(Joiner& joiner, const Arguments& arguments) {
  TRY_VOID(Bound::bind("a joiner", arguments, {}));
  return std::exchange(joiner.used, true) ? joiner.separator : make_string(Text());
}

Result<Value> Interpreter::call_loop(const Loop& loop, const Arguments& arguments) {
  const Bound bound = TRY(Bound::bind("loop", arguments, {"iterable"}, 1));
  if (!loop.recurse) return failure("only the loop of a {{% for … recursive %}} can be called");
  return loop.recurse(bound[0], loop.depth + 1);
}

Result<Value> Interpreter::call_macro(const Macro& macro, Arguments arguments) {
  const int line = line_;
  const ScopePtr scope = TRY(bind_macro(macro, std::move(arguments)));
  Flow flow = Flow::kNext;
  Value text = TRY(capture(macro.code.body.statements, scope, flow));
  line_ = line;
  return text;
}

// The scope of the macro's body: its parameters, and what else its body asks for.
Result<ScopePtr> Interpreter::bind_macro(const Macro& macro, Arguments arguments) {
  const MacroCode& code = macro.code;
  ScopePtr scope = open_scope(code.body, macro.scope);
  std::vector<std::pair<std::string, Value>> extra = std::move(arguments.keyword);
  const auto take = [&](const std::string& name) -> std::optional<Value> {
    const auto found =
        std::find_if(extra.begin(), extra.end(), [&](const auto& argument) { return argument.first == name; });
    if (found == extra.end()) return std::nullopt;
    Value value = std::move(found->second);
    extra.erase(found);
    return value;
  };

  bool has_caller_parameter = false;
  size_t used = 0;
  for (const MacroCode::Parameter& parameter : code.parameters) {
    const std::string& name = ast_.names[parameter.name];
    has_caller_parameter |= parameter.name == ast_.caller;
    std::optional<Value> value;
    if (used < arguments.positional.size())
      value = std::move(arguments.positional[used++]);
    else
      value = take(name);
    if (!value && parameter.fallback) value = TRY(evaluate(*parameter.fallback, scope));
    scope->set(parameter.name,
               value ? std::move(*value) : make_undefined(fmt::format("the parameter '{}' was not given", name)));
  }
  if (code.uses_caller && !has_caller_parameter) {
    std::optional<Value> caller = take("caller");
    scope->set(ast_.caller, caller && !caller->is<None>()
                                ? std::move(*caller)
                                : make_undefined("there is no caller: the macro was not called by a call block"));
  }
  if (code.uses_kwargs) {
    DictBuilder rest(runtime_.budget);
    for (auto& [name, value] : extra) TRY_VOID(rest.set(make_name(name), std::move(value)));
    scope->set(ast_.kwargs, TRY(rest.finish()));
  } else if (!extra.empty()) {
    return failure("the macro {} takes no argument named {}", macro.name, extra.front().first);
  }
  std::vector<Value> rest(arguments.positional.begin() + static_cast<ptrdiff_t>(used), arguments.positional.end());
  if (!code.uses_varargs && !rest.empty())
    return failure("the macro {} takes at most {} arguments, not {}", macro.name, code.parameters.size(),
                   arguments.positional.size());
  if (code.uses_varargs) scope->set(ast_.varargs, TRY(make_tuple(std::move(rest), runtime_.budget)));
  return scope;
}

}  // namespace paddock::text::jinja
