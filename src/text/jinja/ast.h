// SPDX-License-Identifier: Apache-2.0
#pragma once
// A parsed template: statements and expressions, each with its line.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "text/jinja/number.h"
#include "text/jinja/value.h"

namespace paddock::text::jinja {

struct Filter;     // filter.h
struct Predicate;  // predicate.h

// A variable's name: its place in Ast::names, so that scopes compare numbers.
using Name = uint32_t;

struct Expression;
using ExpressionPtr = std::unique_ptr<Expression>;
using Expressions = std::vector<ExpressionPtr>;

struct CallArguments {
  Expressions positional;
  std::vector<std::pair<std::string, ExpressionPtr>> keyword;
  ExpressionPtr star;         // *list; null when absent
  ExpressionPtr double_star;  // **mapping; null when absent
};

struct Literal {
  Value value;
};
struct Variable {
  Name name;
};
struct ListDisplay {
  Expressions items;
};
struct TupleDisplay {
  Expressions items;
};
struct DictDisplay {
  std::vector<std::pair<ExpressionPtr, ExpressionPtr>> entries;
};
struct Negation {
  ExpressionPtr operand;
  bool negative;
};  // -a or +a
struct Arithmetic {
  Operator operation;
  ExpressionPtr left, right;
};
struct Concatenation {
  Expressions parts;
};  // a ~ b ~ c
struct Logic {
  bool is_and;
  ExpressionPtr left, right;
};
struct Not {
  ExpressionPtr operand;
};
enum class Comparison { kEqual, kNotEqual, kLess, kLessEqual, kGreater, kGreaterEqual, kIn, kNotIn };
struct Compare {
  ExpressionPtr first;
  std::vector<std::pair<Comparison, ExpressionPtr>> others;
};
struct Conditional {
  ExpressionPtr test, when_true, when_false;
};  // when_false may be null
struct Attribute {
  ExpressionPtr object;
  std::string name;
};
struct Subscript {
  ExpressionPtr object, key;
};
struct SliceSubscript {
  ExpressionPtr object, start, stop, step;
};  // a bound left out is null
struct Call {
  ExpressionPtr callee;
  CallArguments arguments;
};
struct FilterUse {
  ExpressionPtr subject;  // null at the head of a filter block: the block's text
  std::string name;
  const Filter* filter;  // null for an unknown name in a branch that may never run
  CallArguments arguments;
};
struct TestUse {
  ExpressionPtr subject;
  std::string name;
  const Predicate* predicate;  // null as above
  CallArguments arguments;
};

struct Expression {
  using Node =
      std::variant<Literal, Variable, ListDisplay, TupleDisplay, DictDisplay, Negation, Arithmetic, Concatenation,
                   Logic, Not, Compare, Conditional, Attribute, Subscript, SliceSubscript, Call, FilterUse, TestUse>;
  int line;
  int depth;  // levels of expressions below this one, itself included
  Node node;
};

// Calls `visit` with each expression directly below a node, none of them null.
void for_each_part(const Expression::Node& node, const std::function<void(const Expression&)>& visit);

struct Statement;
using StatementPtr = std::unique_ptr<Statement>;
using Block = std::vector<StatementPtr>;

// Statements with a scope of their own: what they set is not seen outside.
struct ScopeBody {
  Block statements;
  // Variables that are undefined when the scope is entered, whatever stands around it under their names
  // (scope_analysis.h).
  std::vector<std::pair<Name, Value>> undefined;
};

// What an assignment writes to.
struct Target {
  struct Attribute {  // of a namespace
    Name object;
    std::string name;
  };
  std::variant<Name, Attribute, std::vector<Target>> node;
};

// Parameters and body of a macro, or of what {% call %} hands to a macro.
struct MacroCode {
  struct Parameter {
    Name name;
    ExpressionPtr fallback;  // null when it has none
  };
  std::string name;
  std::vector<Parameter> parameters;
  ScopeBody body;
  bool uses_caller = false, uses_varargs = false, uses_kwargs = false;  // else extra arguments are errors
};

struct Data {
  Value text;
};
struct Output {
  Expressions expressions;
};
struct If {
  std::vector<std::pair<ExpressionPtr, Block>> branches;
  Block otherwise;
};
struct For {
  Target target;
  ExpressionPtr iterable;
  ExpressionPtr condition;  // null when there is none
  ScopeBody body;
  ScopeBody otherwise;
  bool recursive;
};
struct Set {
  Target target;
  ExpressionPtr value;
};
struct SetBlock {
  Target target;
  ExpressionPtr filter;
  ScopeBody body;
};  // filter may be null
struct MacroDefinition {
  Name name;
  MacroCode code;
};
struct CallBlock {
  MacroCode caller;
  ExpressionPtr call;
};
struct FilterBlock {
  ExpressionPtr filter;
  ScopeBody body;
};
struct With {
  std::vector<std::pair<Target, ExpressionPtr>> values;
  ScopeBody body;
};
struct ScopedBlock {
  ScopeBody body;
};  // {% generation %}, {% autoescape %}: a scope, nothing else
struct NamedBlock {
  ScopeBody body;
  bool scoped;
};
struct Break {};
struct Continue {};

struct Statement {
  using Node = std::variant<Data, Output, If, For, Set, SetBlock, MacroDefinition, CallBlock, FilterBlock, With,
                            ScopedBlock, NamedBlock, Break, Continue>;
  int line;
  Node node;
};

struct Ast {
  ScopeBody body;
  std::vector<std::string> names;
  Name loop, caller, varargs, kwargs;  // of the variables that have a meaning of their own
};

}  // namespace paddock::text::jinja
