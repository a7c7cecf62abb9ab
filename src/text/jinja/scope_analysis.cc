// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/scope_analysis.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

namespace paddock::text::jinja {
namespace {

// The names of one scope, in the order in which its statements mention them. Scopes inside it are looked at when it is
// complete, because they find all its names, later ones too.
class ScopeNames {
 public:
  explicit ScopeNames(const ScopeNames* around) : around_(around) {}

  // What one branch of an {% if %} of this scope mentions. It is merged when it is complete.
  ScopeNames branch() const {
    ScopeNames names(around_);
    names.before_ = this;
    return names;
  }
  // What only branches set is looked up around, not undefined.
  void merge(const ScopeNames& branch) { known_.insert(branch.known_.begin(), branch.known_.end()); }

  void declare(Name name) { known_.insert(name); }
  void read(Name name) {
    if (!knows(name)) known_.insert(name);
  }
  void set(Name name) {
    if (knows_itself(name)) return;
    if (!around_ || !around_->knows(name)) undefined_.insert(name);
    known_.insert(name);
  }

  const std::set<Name>& undefined() const { return undefined_; }

 private:
  bool knows_itself(Name name) const { return known_.contains(name) || (before_ && before_->knows_itself(name)); }
  bool knows(Name name) const { return knows_itself(name) || (around_ && around_->knows(name)); }

  const ScopeNames* around_;
  const ScopeNames* before_ = nullptr;  // of a branch: the scope up to it
  std::set<Name> known_;                // read or set
  std::set<Name> undefined_;            // set before they are read, and unknown around
};

class ScopeAnalysis {
 public:
  explicit ScopeAnalysis(Ast& ast) : ast_(ast) {}

  void run() {
    ScopeNames root(nullptr);
    finish(ast_.body, root);
  }

 private:
  // First the names of the scope itself, then the scopes inside it.
  void finish(ScopeBody& body, ScopeNames& names) {
    mention(body.statements, names);
    enter(body.statements, names);
    for (const Name name : names.undefined())
      body.undefined.emplace_back(name, make_undefined("'" + ast_.names[name] + "' is undefined"));
  }

  void read(const Expression& expression, ScopeNames& names) {
    if (const auto* variable = std::get_if<Variable>(&expression.node)) names.read(variable->name);
    for_each_part(expression.node, [&](const Expression& part) { read(part, names); });
  }
  void read(const ExpressionPtr& expression, ScopeNames& names) {
    if (expression) read(*expression, names);
  }

  void set(const Target& target, ScopeNames& names) {
    if (const Name* name = std::get_if<Name>(&target.node)) names.set(*name);
    if (const auto* attribute = std::get_if<Target::Attribute>(&target.node)) names.read(attribute->object);
    if (const auto* targets = std::get_if<std::vector<Target>>(&target.node))
      for (const Target& part : *targets) set(part, names);
  }
  void declare(const Target& target, ScopeNames& names) {
    if (const Name* name = std::get_if<Name>(&target.node)) names.declare(*name);
    if (const auto* targets = std::get_if<std::vector<Target>>(&target.node))
      for (const Target& part : *targets) declare(part, names);
  }

  // What the statements of a scope mention themselves.
  void mention(const Block& block, ScopeNames& names) {
    for (const StatementPtr& statement : block)
      std::visit([&](const auto& node) { mention_node(node, names); }, statement->node);
  }
  void mention_node(const Data&, ScopeNames&) {}
  void mention_node(const Break&, ScopeNames&) {}
  void mention_node(const Continue&, ScopeNames&) {}
  void mention_node(const ScopedBlock&, ScopeNames&) {}
  void mention_node(const NamedBlock&, ScopeNames&) {}
  void mention_node(const Output& node, ScopeNames& names) {
    for (const ExpressionPtr& expression : node.expressions) read(expression, names);
  }
  void mention_node(const If& node, ScopeNames& names) {
    std::vector<ScopeNames> branches;
    for (const auto& [test, body] : node.branches) {
      read(test, names);
      branches.push_back(names.branch());
      mention(body, branches.back());
    }
    branches.push_back(names.branch());
    mention(node.otherwise, branches.back());
    for (const ScopeNames& branch : branches) names.merge(branch);
  }
  void mention_node(const For& node, ScopeNames& names) { read(node.iterable, names); }
  void mention_node(const Set& node, ScopeNames& names) {
    read(node.value, names);
    set(node.target, names);
  }
  void mention_node(const SetBlock& node, ScopeNames& names) { set(node.target, names); }
  void mention_node(const MacroDefinition& node, ScopeNames& names) { names.set(node.name); }
  void mention_node(const CallBlock& node, ScopeNames& names) { read(node.call, names); }
  void mention_node(const FilterBlock& node, ScopeNames& names) { read(node.filter, names); }
  void mention_node(const With& node, ScopeNames& names) {
    for (const auto& [target, value] : node.values) read(value, names);
  }

  // The scopes that the statements open.
  void enter(Block& block, const ScopeNames& names) {
    for (StatementPtr& statement : block) std::visit([&](auto& node) { enter_node(node, names); }, statement->node);
  }
  template <typename Node>
  void enter_node(Node&, const ScopeNames&) {}  // opens none
  void enter_node(If& node, const ScopeNames& names) {
    for (auto& [test, body] : node.branches) enter(body, names);
    enter(node.otherwise, names);
  }
  void enter_node(For& node, const ScopeNames& names) {
    ScopeNames body(&names);
    declare(node.target, body);
    body.declare(ast_.loop);
    finish(node.body, body);
    enter_plain(node.otherwise, names);
  }
  void enter_node(SetBlock& node, const ScopeNames& names) { enter_plain(node.body, names); }
  void enter_node(FilterBlock& node, const ScopeNames& names) { enter_plain(node.body, names); }
  void enter_node(ScopedBlock& node, const ScopeNames& names) { enter_plain(node.body, names); }
  void enter_node(NamedBlock& node, const ScopeNames& names) { enter_plain(node.body, names); }
  void enter_node(With& node, const ScopeNames& names) {
    ScopeNames body(&names);
    for (const auto& [target, value] : node.values) declare(target, body);
    finish(node.body, body);
  }
  void enter_node(MacroDefinition& node, const ScopeNames& names) { enter_macro(node.code, names); }
  void enter_node(CallBlock& node, const ScopeNames& names) { enter_macro(node.caller, names); }

  void enter_plain(ScopeBody& body, const ScopeNames& names) {
    ScopeNames inner(&names);
    finish(body, inner);
  }
  void enter_macro(MacroCode& code, const ScopeNames& names) {
    ScopeNames body(&names);
    for (const MacroCode::Parameter& parameter : code.parameters) body.declare(parameter.name);
    for (const MacroCode::Parameter& parameter : code.parameters) read(parameter.fallback, body);
    for (const Name name : {ast_.caller, ast_.varargs, ast_.kwargs}) body.declare(name);
    finish(code.body, body);
  }

  Ast& ast_;
};

}  // namespace

void analyse_scopes(Ast& ast) { ScopeAnalysis(ast).run(); }

}  // namespace paddock::text::jinja
