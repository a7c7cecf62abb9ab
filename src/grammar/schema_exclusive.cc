// SPDX-License-Identifier: Apache-2.0
// oneOf: more than one branch must never hold, which is enforced by showing that none two can.

#include <algorithm>
#include <nlohmann/json.hpp>

#include "grammar/schema_compiler.h"

namespace paddock::grammar {

namespace {

constexpr int kMaxPropertyDepth = 4;   // objects inside objects that are looked into for a property that differs
constexpr size_t kMaxExclusive = 200;  // branches, as every pair is compared

}  // namespace

Result<void> SchemaCompiler::check_exclusive(const SchemaFacts& facts, const std::vector<SchemaAt>& schemas) {
  if (schemas.size() > kMaxExclusive)
    return root_->refuse(schemas[0].pointer, fmt::format("more than {} branches; use anyOf", kMaxExclusive));
  std::vector<SchemaFacts> branches;
  for (const SchemaAt& schema : schemas) {
    SchemaFacts branch = facts;
    TRY_VOID(root_->read({schema}, branch));
    branches.push_back(std::move(branch));
  }
  for (size_t left = 0; left < branches.size(); ++left)
    for (size_t right = 0; right < left; ++right)
      if (!TRY(are_disjoint(branches[left], branches[right], 0)))
        return root_->refuse(schemas[left].pointer,
                             fmt::format("it does not plainly exclude branch {}; use anyOf, or give both a required "
                                         "property with different constants",
                                         right));
  return {};
}

Result<bool> SchemaCompiler::are_disjoint(SchemaFacts left, SchemaFacts right, int depth) {
  TRY_VOID(budget_.spend(kStateCost));
  if (left.is_impossible || right.is_impossible) return true;
  const uint8_t common = left.types & right.types;
  if (common == 0) return true;
  if (depth > kMaxPropertyDepth) return false;
  for (const bool is_left : {true, false}) {
    SchemaFacts& chosen = is_left ? left : right;
    if (chosen.choices.empty()) continue;
    const SchemaFacts::Choice choice = std::move(chosen.choices.back());
    chosen.choices.pop_back();
    for (const SchemaAt& schema : choice.schemas) {
      SchemaFacts branch = chosen;
      TRY_VOID(root_->read({schema}, branch));
      if (!TRY(are_disjoint(std::move(branch), is_left ? right : left, depth + 1))) return false;
    }
    return true;
  }
  for (const bool is_left : {true, false}) {
    const SchemaFacts& given = is_left ? left : right;
    const SchemaFacts& other = is_left ? right : left;
    if (given.allowed.empty()) continue;
    for (const Json* value : given.allowed[0]) {
      if (value->is_structured() && (given.limits_structure() || other.limits_structure())) return false;
      if (TRY(fulfils(*value, given)) && TRY(fulfils(*value, other))) return false;
    }
    return true;
  }
  if (common & (kNullType | kBooleanType | kArrayType)) return false;
  if (common & kStringType) {
    const Dfa a = TRY(string_automaton(left)), b = TRY(string_automaton(right));
    if (!TRY(intersection(a, b, budget_)).empty()) return false;
  }
  if (common & (kIntegerType | kFractionType)) {
    if (left.numbers.empty() || right.numbers.empty()) return false;
    const Dfa a = TRY(number_automaton_of(left)), b = TRY(number_automaton_of(right));
    if (!TRY(intersection(a, b, budget_)).empty()) return false;
  }
  return !(common & kObjectType) || TRY(are_disjoint_objects(left, right, depth));
}

Result<bool> SchemaCompiler::are_disjoint_objects(const SchemaFacts& left, const SchemaFacts& right, int depth) {
  for (const bool is_left : {true, false}) {
    const SchemaFacts& one = is_left ? left : right;
    const SchemaFacts& other = is_left ? right : left;
    for (const std::string& name : one.required) {
      if (TRY(excludes_property(other, name))) return true;
      if (std::find(other.required.begin(), other.required.end(), name) == other.required.end()) continue;
      SchemaFacts here, there;
      TRY_VOID(root_->read(TRY(property_schemas(one, name)), here));
      TRY_VOID(root_->read(TRY(property_schemas(other, name)), there));
      if (TRY(are_disjoint(std::move(here), std::move(there), depth + 1))) return true;
    }
  }
  return false;
}

Result<bool> SchemaCompiler::excludes_property(const SchemaFacts& facts, const std::string& name) {
  SchemaFacts property;
  TRY_VOID(root_->read(TRY(property_schemas(facts, name)), property));
  return property.is_impossible;
}

}  // namespace paddock::grammar
