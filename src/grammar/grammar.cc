// SPDX-License-Identifier: Apache-2.0
#include "grammar/grammar.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "grammar/ebnf.h"
#include "grammar/regex.h"
#include "grammar/repetitions.h"
#include "grammar/rules.h"
#include "grammar/schema_compiler.h"

namespace paddock::grammar {

namespace {

constexpr std::string_view kRegexSource = "regular expression";

// Patterns of more states have their large repetitions counted.
constexpr size_t kManyPatternStates = 4'000;

bool has_anchors(const Expression& expression) {
  if (expression.kind == Expression::Kind::kBegin || expression.kind == Expression::Kind::kEnd) return true;
  for (const Expression& part : expression.parts)
    if (has_anchors(part)) return true;
  return false;
}

// At the ends of a pattern that the whole text matches, anchors say nothing.
void drop_outer_anchors(Expression& expression) {
  std::vector<Expression>& parts = expression.parts;
  if (expression.kind != Expression::Kind::kSequence || parts.empty()) return;
  if (parts.front().kind == Expression::Kind::kBegin) parts.erase(parts.begin());
  if (!parts.empty() && parts.back().kind == Expression::Kind::kEnd) parts.pop_back();
}

Result<Rules> rules_of_regex(std::string_view pattern) {
  Budget budget;
  RuleBuilder builder(budget);
  const RuleId root = builder.declare();
  Expression expression = TRY(parse_regex(pattern, kRegexSource));
  drop_outer_anchors(expression);
  const bool is_large = size_of(expression, kManyPatternStates) == kManyPatternStates;
  if (is_large && !has_anchors(expression)) expression = TRY(split_repetitions(std::move(expression), builder, budget));
  const Dfa automaton = TRY(automaton_of(expression, budget));
  Nfa nfa;
  add_automaton(nfa, nfa.start(), automaton, nfa.accept());
  TRY_VOID(builder.define(root, nfa));
  return std::move(builder).finish(root);
}

constexpr uint32_t kManyCalls = 4096;

Result<Rules> rules_of_tools(std::span<const ToolSchema> tools, const ToolCallOptions& options) {
  if (tools.empty())
    return error(ErrorCode::kInvalidArgument, "a call was asked for without tools: expected at least one tool");
  Budget budget;
  RuleBuilder builder(budget);
  const RuleId root = builder.declare();
  const RuleId call = builder.declare();
  SchemaCompiler compiler(builder, budget, options.json);
  JsonText& json = compiler.text();
  Nfa nfa;
  for (const ToolSchema& tool : tools) {
    // {"name": "f", "parameters": …}
    const StateId opened = nfa.add_state(), named = nfa.add_state(), comma = nfa.add_state(), key = nfa.add_state();
    nfa.add_text(nfa.start(), "{\"name\":", opened);
    const StateId name = nfa.add_state();
    TRY_VOID(json.add_blank_after_sign(nfa, opened, name));
    json.add_string_literal(nfa, name, tool.name, named);
    nfa.add_edge(named, ',', ',', comma);
    TRY_VOID(json.add_blank_after_sign(nfa, comma, key));
    const StateId after_key = nfa.add_state(), value = nfa.add_state(), end = nfa.add_state();
    nfa.add_text(key, "\"parameters\":", after_key);
    TRY_VOID(json.add_blank_after_sign(nfa, after_key, value));
    if (tool.parameters) {
      JsonText::add_call(nfa, value, TRY(compiler.compile_object(*tool.parameters, "tool '" + tool.name + "': ")), end);
    } else {
      nfa.add_text(value, "{}", end);
    }
    nfa.add_edge(end, '}', '}', nfa.accept());
  }
  TRY_VOID(builder.define(call, nfa));
  Nfa calls;
  const StateId first = calls.add_state();
  JsonText::add_call(calls, calls.start(), call, first);
  calls.add_free(first, calls.accept());
  const uint32_t most = std::min(options.max_calls, kManyCalls);
  if (options.parallel && most > 1) {
    // The chat template writes calls without anything between them; models also separate them.
    Nfa next;
    const StateId separated = next.add_state();
    next.add_free(next.start(), separated);
    next.add_text(next.start(), "\n", separated);
    next.add_text(next.start(), "; ", separated);
    JsonText::add_call(next, separated, call, next.accept());
    const RuleId more = builder.declare();
    TRY_VOID(builder.define(more, next, Count{0, most - 1}));
    JsonText::add_call(calls, first, more, calls.accept());
  }
  TRY_VOID(builder.define(root, calls));
  return std::move(builder).finish(root);
}

Result<Rules> rules_of_schema(const Json* schema, const JsonOptions& options) {
  Budget budget;
  RuleBuilder builder(budget);
  SchemaCompiler compiler(builder, budget, options);
  const RuleId root = schema ? TRY(compiler.compile(*schema, "schema ")) : TRY(compiler.any_object());
  return std::move(builder).finish(root);
}

Result<Grammar::Pointer> grammar_of(Result<Rules> rules) {
  if (!rules) return tl::unexpected(std::move(rules).error());
  return std::make_shared<const Grammar>(std::make_unique<const Rules>(std::move(*rules)));
}

}  // namespace

Grammar::Grammar(std::unique_ptr<const Rules> rules) : rules_(std::move(rules)) {}
Grammar::~Grammar() = default;

Result<Grammar::Pointer> Grammar::from_regex(std::string_view pattern) { return grammar_of(rules_of_regex(pattern)); }

Result<Grammar::Pointer> Grammar::from_json_schema(const Json& schema, const JsonOptions& options) {
  return grammar_of(rules_of_schema(&schema, options));
}

Result<Grammar::Pointer> Grammar::from_json_object(const JsonOptions& options) {
  return grammar_of(rules_of_schema(nullptr, options));
}

Result<Grammar::Pointer> Grammar::tool_calls(std::span<const ToolSchema> tools, const ToolCallOptions& options) {
  return grammar_of(rules_of_tools(tools, options));
}

Result<Grammar::Pointer> Grammar::from_ebnf(std::string_view text) { return grammar_of(compile_ebnf(text)); }

}  // namespace paddock::grammar
