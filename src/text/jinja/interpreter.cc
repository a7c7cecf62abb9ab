// SPDX-License-Identifier: Apache-2.0
// The statements of a template.
#include "text/jinja/interpreter.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "text/jinja/filter.h"
#include "text/jinja/function.h"
#include "text/jinja/iterate.h"
#include "text/jinja/print.h"

namespace paddock::text::jinja {
namespace {

// Bytes of all texts in it. What is nested too deeply is not looked at; from_json refuses it.
uint64_t text_bytes(const Json& json, int depth = 0) {
  constexpr int kMaxLookedAtDepth = 1000;
  if (json.is_string()) return json.get_ref<const std::string&>().size();
  uint64_t bytes = 0;
  if (json.is_structured() && depth < kMaxLookedAtDepth)
    for (const Json& item : json) bytes += text_bytes(item, depth + 1);
  return bytes;
}

}  // namespace

Interpreter::Interpreter(const Ast& ast, const RenderOptions& options)
    : ast_(ast), runtime_{options, Budget(options.limits), {}}, context_(ast.names.size()) {}

Result<Text> Interpreter::run(const Json& context) {
  if (!context.is_object())
    return failure("the variables of a template are a JSON object, not {}", context.type_name());
  runtime_.budget.grow_for(text_bytes(context));
  for (Name name = 0; name < ast_.names.size(); ++name) {
    const std::string& text = ast_.names[name];
    if (const auto variable = context.find(text); variable != context.end()) {
      context_[name] = TRY(from_json(*variable, runtime_.options.trusted.contains(text)));
    } else if (const Function* function = find_function(text)) {
      context_[name] = Value(function);
    }
  }
  TextBuilder out(runtime_.budget);
  out_ = &out;
  root_ = open_scope(ast_.body, nullptr);
  TRY_VOID(execute(ast_.body.statements, root_));
  return out.text();
}

Result<void> Interpreter::check_depth() const {
  if (depth_ <= runtime_.budget.limits().depth) return {};
  return error(ErrorCode::kLimit,
               "the template has more than {} calls inside each other; a macro may call itself for ever",
               runtime_.budget.limits().depth);
}

Result<Interpreter::Flow> Interpreter::execute(const Block& block, const ScopePtr& scope) {
  for (const StatementPtr& statement : block) {
    const Flow flow = TRY(execute_statement(*statement, scope));
    if (flow != Flow::kNext) return flow;
  }
  return Flow::kNext;
}

ScopePtr Interpreter::open_scope(const ScopeBody& body, const ScopePtr& outer) {
  auto scope = std::make_shared<Scope>(outer);
  for (const auto& [name, undefined] : body.undefined) scope->set(name, undefined);
  return scope;
}

Result<Interpreter::Flow> Interpreter::execute_statement(const Statement& statement, const ScopePtr& scope) {
  const DepthGuard guard(depth_);
  TRY_VOID(check_depth());
  TRY_VOID(runtime_.budget.spend(1));
  line_ = statement.line;
  return std::visit([&](const auto& node) { return execute_node(node, scope); }, statement.node);
}

Result<void> Interpreter::print(const Value& value) {
  const size_t before = out_->text().size();
  TRY_VOID(append_str(*out_, value));
  printed_ += out_->text().size() - before;
  const uint64_t limit = runtime_.budget.limits().output_bytes;
  if (printed_ > limit) return error(ErrorCode::kLimit, "the template printed more than {} bytes", limit);
  return {};
}

Result<Value> Interpreter::capture(const Block& block, const ScopePtr& scope, Flow& flow) {
  TextBuilder captured(runtime_.budget);
  TextBuilder* const outer = std::exchange(out_, &captured);
  flow = TRY(execute(block, scope));
  out_ = outer;
  return captured.finish();
}

Result<Interpreter::Flow> Interpreter::execute_node(const Data& node, const ScopePtr&) {
  TRY_VOID(print(node.text));
  return Flow::kNext;
}

Result<Interpreter::Flow> Interpreter::execute_node(const Output& node, const ScopePtr& scope) {
  for (const ExpressionPtr& expression : node.expressions) TRY_VOID(print(TRY(evaluate(*expression, scope))));
  return Flow::kNext;
}

Result<Interpreter::Flow> Interpreter::execute_node(const If& node, const ScopePtr& scope) {
  for (const auto& [test, body] : node.branches)
    if (is_true(TRY(evaluate(*test, scope)))) return execute(body, scope);
  return execute(node.otherwise, scope);
}

Result<Interpreter::Flow> Interpreter::execute_node(const For& node, const ScopePtr& scope) {
  return run_loop(node, TRY(evaluate(*node.iterable, scope)), scope, 1);
}

// Items one at a time: what the body does to a namespace may decide whether the next one passes the condition.
Result<Loop::Source> Interpreter::loop_source(const For& node, const Value& iterable, const ScopePtr& scope) {
  auto iterator = std::make_shared<Iterator>(TRY(Iterator::over(iterable)));
  if (!node.condition) return [this, iterator] { return iterator->next(runtime_); };
  return [this, iterator, &node, scope]() -> Result<std::optional<Value>> {
    while (std::optional<Value> item = TRY(iterator->next(runtime_))) {
      const auto inner = std::make_shared<Scope>(scope);
      TRY_VOID(assign(node.target, *item, inner));
      if (!is_true(TRY(evaluate(*node.condition, inner)))) continue;
      // As in Jinja: what several variables took apart is put together again, as a tuple.
      if (!std::holds_alternative<std::vector<Target>>(node.target.node) || item->is<Tuple>()) return item;
      std::vector<Value> parts = TRY(collect(*item, runtime_));
      return TRY(make_tuple(std::move(parts), runtime_.budget));
    }
    return std::nullopt;
  };
}

Result<Interpreter::Flow> Interpreter::run_loop(const For& node, const Value& iterable, const ScopePtr& scope,
                                                int depth) {
  Loop* const loop = TRY(runtime_.heap.make<Loop>(runtime_.budget));
  loop->source = TRY(loop_source(node, iterable, scope));
  loop->depth = depth;
  if (!node.condition) loop->known_length = length_of(iterable);
  if (node.recursive) {
    loop->recurse = [this, &node, scope](const Value& inner, int inner_depth) -> Result<Value> {
      TextBuilder captured(runtime_.budget);
      TextBuilder* const outer = std::exchange(out_, &captured);
      TRY_VOID(run_loop(node, inner, scope, inner_depth));
      out_ = outer;
      return captured.finish();
    };
  }
  bool completed = false;  // as in Jinja: else runs unless a turn reached the end of the body
  while (TRY(loop->advance())) {
    TRY_VOID(runtime_.budget.spend(1));
    const ScopePtr inner = open_scope(node.body, scope);
    inner->set(ast_.loop, static_cast<Object*>(loop));
    TRY_VOID(assign(node.target, loop->current, inner));
    const Flow flow = TRY(execute(node.body.statements, inner));
    if (flow == Flow::kBreak) break;
    completed |= flow == Flow::kNext;
  }
  if (completed || node.otherwise.statements.empty()) return Flow::kNext;
  return execute(node.otherwise, scope);
}

Result<void> Interpreter::assign(const Target& target, const Value& value, const ScopePtr& scope) {
  if (const Name* name = std::get_if<Name>(&target.node)) {
    scope->set(*name, value);
    return {};
  }
  if (const auto* attribute = std::get_if<Target::Attribute>(&target.node)) {
    const Value object = look_up(attribute->object, scope);
    TRY_VOID(check_defined(object));
    auto* names = object.object<Namespace>();
    if (!names)
      return failure("an attribute can be set on a namespace only, not on a value of type {}", type_name(object));
    return names->set(attribute->name, value, runtime_.budget);
  }
  const auto& targets = std::get<std::vector<Target>>(target.node);
  const std::vector<Value> values = TRY(collect(value, runtime_));
  if (values.size() != targets.size())
    return failure("expected {} values to assign to {} variables, found {}", targets.size(), targets.size(),
                   values.size());
  for (size_t index = 0; index < targets.size(); ++index) TRY_VOID(assign(targets[index], values[index], scope));
  return {};
}

Result<Interpreter::Flow> Interpreter::execute_node(const Set& node, const ScopePtr& scope) {
  TRY_VOID(assign(node.target, TRY(evaluate(*node.value, scope)), scope));
  return Flow::kNext;
}

Result<Interpreter::Flow> Interpreter::execute_node(const SetBlock& node, const ScopePtr& scope) {
  const ScopePtr inner = open_scope(node.body, scope);
  Flow flow = Flow::kNext;
  Value text = TRY(capture(node.body.statements, inner, flow));
  if (flow != Flow::kNext) return flow;
  if (node.filter) text = TRY(apply_block_filters(*node.filter, text, inner));
  TRY_VOID(assign(node.target, text, scope));
  return Flow::kNext;
}

Result<Interpreter::Flow> Interpreter::execute_node(const MacroDefinition& node, const ScopePtr& scope) {
  Macro* const macro = TRY(runtime_.heap.make<Macro>(runtime_.budget, node.code.name, node.code, scope));
  scope->set(node.name, static_cast<Object*>(macro));
  return Flow::kNext;
}

Result<Interpreter::Flow> Interpreter::execute_node(const CallBlock& node, const ScopePtr& scope) {
  const auto& call_node = std::get<Call>(node.call->node);
  const Value callee = TRY(evaluate(*call_node.callee, scope));
  Arguments arguments = TRY(evaluate_arguments(call_node.arguments, scope));
  if (arguments.find("caller")) return failure("a call block gives the argument caller itself");
  Macro* const caller = TRY(runtime_.heap.make<Macro>(runtime_.budget, node.caller.name, node.caller, scope));
  arguments.keyword.emplace_back("caller", static_cast<Object*>(caller));
  TRY_VOID(print(TRY(call(callee, std::move(arguments)))));
  return Flow::kNext;
}

Result<Interpreter::Flow> Interpreter::execute_node(const FilterBlock& node, const ScopePtr& scope) {
  const ScopePtr inner = open_scope(node.body, scope);
  Flow flow = Flow::kNext;
  const Value text = TRY(capture(node.body.statements, inner, flow));
  if (flow != Flow::kNext) return flow;
  TRY_VOID(print(TRY(apply_block_filters(*node.filter, text, inner))));
  return Flow::kNext;
}

Result<Interpreter::Flow> Interpreter::execute_node(const With& node, const ScopePtr& scope) {
  const ScopePtr inner = open_scope(node.body, scope);
  for (const auto& [target, value] : node.values) TRY_VOID(assign(target, TRY(evaluate(*value, scope)), inner));
  return execute(node.body.statements, inner);
}

Result<Interpreter::Flow> Interpreter::execute_node(const ScopedBlock& node, const ScopePtr& scope) {
  return execute(node.body, scope);
}

Result<Interpreter::Flow> Interpreter::execute_node(const NamedBlock& node, const ScopePtr& scope) {
  return execute(node.body, node.scoped ? scope : root_);
}

}  // namespace paddock::text::jinja
