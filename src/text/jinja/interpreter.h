// SPDX-License-Identifier: Apache-2.0
#pragma once
// Walks the syntax tree of a template and writes its text.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "text/jinja/arguments.h"
#include "text/jinja/ast.h"
#include "text/jinja/macro.h"
#include "text/jinja/runtime.h"
#include "text/jinja/scope.h"
#include "text/jinja/template.h"

namespace paddock::text::jinja {

// One rendering.
class Interpreter {
 public:
  Interpreter(const Ast& ast, const RenderOptions& options);

  // An error has no line; line() is where it arose.
  Result<Text> run(const Json& context);
  int line() const { return line_; }

 private:
  enum class Flow { kNext, kBreak, kContinue };

  // Statements.
  Result<Flow> execute(const Block& block, const ScopePtr& scope);
  Result<Flow> execute(const ScopeBody& body, const ScopePtr& outer) {
    return execute(body.statements, open_scope(body, outer));
  }
  static ScopePtr open_scope(const ScopeBody& body, const ScopePtr& outer);
  Result<Flow> execute_statement(const Statement& statement, const ScopePtr& scope);
  Result<Flow> execute_node(const Data& node, const ScopePtr& scope);
  Result<Flow> execute_node(const Output& node, const ScopePtr& scope);
  Result<Flow> execute_node(const If& node, const ScopePtr& scope);
  Result<Flow> execute_node(const For& node, const ScopePtr& scope);
  Result<Flow> execute_node(const Set& node, const ScopePtr& scope);
  Result<Flow> execute_node(const SetBlock& node, const ScopePtr& scope);
  Result<Flow> execute_node(const MacroDefinition& node, const ScopePtr& scope);
  Result<Flow> execute_node(const CallBlock& node, const ScopePtr& scope);
  Result<Flow> execute_node(const FilterBlock& node, const ScopePtr& scope);
  Result<Flow> execute_node(const With& node, const ScopePtr& scope);
  Result<Flow> execute_node(const ScopedBlock& node, const ScopePtr& scope);
  Result<Flow> execute_node(const NamedBlock& node, const ScopePtr& scope);
  Result<Flow> execute_node(const Break&, const ScopePtr&) { return Flow::kBreak; }
  Result<Flow> execute_node(const Continue&, const ScopePtr&) { return Flow::kContinue; }

  Result<Flow> run_loop(const For& node, const Value& iterable, const ScopePtr& scope, int depth);
  Result<Loop::Source> loop_source(const For& node, const Value& iterable, const ScopePtr& scope);
  Result<void> assign(const Target& target, const Value& value, const ScopePtr& scope);
  Result<void> print(const Value& value);
  // What the block prints, as a string. `flow` tells how it ended.
  Result<Value> capture(const Block& block, const ScopePtr& scope, Flow& flow);

  // Expressions.
  Result<Value> evaluate(const Expression& expression, const ScopePtr& scope);
  Result<Value> evaluate_node(const Literal& node, const ScopePtr& scope);
  Result<Value> evaluate_node(const Variable& node, const ScopePtr& scope);
  Result<Value> evaluate_node(const ListDisplay& node, const ScopePtr& scope);
  Result<Value> evaluate_node(const TupleDisplay& node, const ScopePtr& scope);
  Result<Value> evaluate_node(const DictDisplay& node, const ScopePtr& scope);
  Result<Value> evaluate_node(const Negation& node, const ScopePtr& scope);
  Result<Value> evaluate_node(const Arithmetic& node, const ScopePtr& scope);
  Result<Value> evaluate_node(const Concatenation& node, const ScopePtr& scope);
  Result<Value> evaluate_node(const Logic& node, const ScopePtr& scope);
  Result<Value> evaluate_node(const Not& node, const ScopePtr& scope);
  Result<Value> evaluate_node(const Compare& node, const ScopePtr& scope);
  Result<Value> evaluate_node(const Conditional& node, const ScopePtr& scope);
  Result<Value> evaluate_node(const Attribute& node, const ScopePtr& scope);
  Result<Value> evaluate_node(const Subscript& node, const ScopePtr& scope);
  Result<Value> evaluate_node(const SliceSubscript& node, const ScopePtr& scope);
  Result<Value> evaluate_node(const Call& node, const ScopePtr& scope);
  Result<Value> evaluate_node(const FilterUse& node, const ScopePtr& scope);
  Result<Value> evaluate_node(const TestUse& node, const ScopePtr& scope);

  Result<Value> evaluate_or_none(const ExpressionPtr& expression, const ScopePtr& scope);
  Result<std::vector<Value>> evaluate_all(const Expressions& expressions, const ScopePtr& scope);
  Result<Arguments> evaluate_arguments(const CallArguments& arguments, const ScopePtr& scope);
  // The filters of a block: the innermost has no subject of its own and takes `text`.
  Result<Value> apply_block_filters(const Expression& filter, const Value& text, const ScopePtr& scope);
  Value look_up(Name name, const ScopePtr& scope) const;

  // Calls.
  Result<Value> call(const Value& callee, Arguments arguments);
  Result<Value> call_macro(const Macro& macro, Arguments arguments);
  Result<ScopePtr> bind_macro(const Macro& macro, Arguments arguments);
  Result<Value> call_joiner(Joiner& joiner, const Arguments& arguments);
  Result<Value> call_loop(const Loop& loop, const Arguments& arguments);

  Result<void> check_depth() const;

  const Ast& ast_;
  Runtime runtime_;
  std::vector<std::optional<Value>> context_;  // by Name: the variables given and the built-in functions
  ScopePtr root_;
  TextBuilder* out_ = nullptr;  // what is being written: the rendered text, or a block that is captured
  uint64_t printed_ = 0;
  int depth_ = 0;
  int line_ = 1;
};

}  // namespace paddock::text::jinja
