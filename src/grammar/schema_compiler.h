// SPDX-License-Identifier: Apache-2.0
#pragma once
// From JSON Schema to rules.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "grammar/json_text.h"
#include "grammar/schema_facts.h"

namespace paddock::grammar {

// Compiles any number of schemas into one builder.
class SchemaCompiler {
 public:
  SchemaCompiler(RuleBuilder& builder, Budget& budget, const JsonOptions& options)
      : builder_(builder), budget_(budget), options_(options), text_(builder, budget, options.whitespace) {}

  // The rule of the values that fulfil `schema`. `name` stands in errors before the JSON pointer.
  Result<RuleId> compile(const Json& schema, std::string name);
  // The same for those of them that are objects.
  Result<RuleId> compile_object(const Json& schema, std::string name);
  Result<RuleId> any_object();
  JsonText& text() { return text_; }

 private:
  // Names that no property has been given, and what their values have to fulfil.
  struct OtherKeys {
    RuleId key;
    Conjunction value;
  };

  static const Json& object_schema();
  Result<RuleId> compile_together(const Json& schema, std::string name, bool only_objects);
  Result<RuleId> rule_of(Conjunction schemas);
  Result<void> add_value(Nfa& nfa, StateId from, SchemaFacts facts, StateId to, int depth);
  Result<void> add_choice(Nfa& nfa, StateId from, SchemaFacts facts, StateId to, int depth);
  Result<void> add_allowed(Nfa& nfa, StateId from, const SchemaFacts& facts, StateId to);
  Result<bool> fulfils(const Json& value, const SchemaFacts& facts);

  Result<void> add_string(Nfa& nfa, StateId from, const SchemaFacts& facts, StateId to);
  Result<Dfa> string_automaton(const SchemaFacts& facts);
  Result<void> add_number(Nfa& nfa, StateId from, const SchemaFacts& facts, StateId to);
  Result<Dfa> number_automaton_of(const SchemaFacts& facts);
  Result<std::shared_ptr<const Dfa>> pattern_automaton(const std::string& pattern, const SchemaAt& at);

  Result<void> add_array(Nfa& nfa, StateId from, const SchemaFacts& facts, StateId to);
  Result<void> add_more_items(Nfa& nfa, StateId from, RuleId item, uint32_t min, uint32_t max, StateId to);

  Result<void> add_object(Nfa& nfa, StateId from, const SchemaFacts& facts, StateId to);
  Result<Conjunction> property_schemas(const SchemaFacts& facts, const std::string& name);
  Result<std::vector<OtherKeys>> other_keys(const SchemaFacts& facts, const std::vector<std::string>& names);
  Result<std::optional<Dfa>> key_limits(const SchemaFacts& facts);

  // Whether no value can fulfil both, as far as it is plain to see.
  Result<void> check_exclusive(const SchemaFacts& facts, const std::vector<SchemaAt>& schemas);
  Result<bool> are_disjoint(SchemaFacts left, SchemaFacts right, int depth);
  Result<bool> are_disjoint_objects(const SchemaFacts& left, const SchemaFacts& right, int depth);
  Result<bool> excludes_property(const SchemaFacts& facts, const std::string& name);

  RuleBuilder& builder_;
  Budget& budget_;
  JsonOptions options_;
  JsonText text_;
  const SchemaRoot* root_ = nullptr;
  std::map<std::vector<const Json*>, RuleId> rules_;  // by the schemas that hold together
  std::vector<std::pair<RuleId, Conjunction>> waiting_;
  std::map<std::string, RuleId> strings_, numbers_;
  std::map<std::string, std::shared_ptr<const Dfa>> patterns_;
};

}  // namespace paddock::grammar
