// SPDX-License-Identifier: Apache-2.0
#include "grammar/schema_compiler.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "grammar/regex.h"
#include "grammar/string_formats.h"

namespace paddock::grammar {

namespace {

constexpr int kMaxChoiceDepth = 24;  // anyOf inside the branches of anyOf where other keywords hold too
constexpr size_t kMaxSchemaRules = 20'000;
// Up to so many items an array's bounds are written out; beyond, they are counted.
constexpr uint32_t kFewItems = 8;

bool are_equal(const Json& left, const Json& right) {
  const auto a = decimal_of(left), b = decimal_of(right);
  if (!a || !b) return left == right;
  return a->is_negative == b->is_negative && a->whole == b->whole && a->fraction == b->fraction;
}

uint8_t type_of(const Json& value) {
  if (const auto number = decimal_of(value)) return number->is_whole() ? kIntegerType : kFractionType;
  switch (value.type()) {
    case Json::value_t::null: return kNullType;
    case Json::value_t::boolean: return kBooleanType;
    case Json::value_t::string: return kStringType;
    case Json::value_t::array: return kArrayType;
    default: return kObjectType;
  }
}

}  // namespace

const Json& SchemaCompiler::object_schema() {
  static const Json schema = {{"type", "object"}};
  return schema;
}

Result<RuleId> SchemaCompiler::compile(const Json& schema, std::string name) {
  return compile_together(schema, std::move(name), false);
}

Result<RuleId> SchemaCompiler::compile_object(const Json& schema, std::string name) {
  return compile_together(schema, std::move(name), true);
}

Result<RuleId> SchemaCompiler::any_object() { return compile_together(object_schema(), "", false); }

Result<RuleId> SchemaCompiler::compile_together(const Json& schema, std::string name, bool only_objects) {
  const SchemaRoot root = TRY(SchemaRoot::create(schema, std::move(name)));
  root_ = &root;
  Conjunction schemas = {{&schema, ""}};
  if (only_objects) schemas.push_back({&object_schema(), ""});
  const RuleId rule = TRY(rule_of(std::move(schemas)));
  for (size_t i = 0; i < waiting_.size(); ++i) {
    const auto [id, together] = std::move(waiting_[i]);
    SchemaFacts facts;
    TRY_VOID(root.read(together, facts));
    Nfa nfa;
    TRY_VOID(add_value(nfa, nfa.start(), std::move(facts), nfa.accept(), 0));
    TRY_VOID(builder_.define(id, nfa));
  }
  waiting_.clear();
  root_ = nullptr;
  return rule;
}

Result<RuleId> SchemaCompiler::rule_of(Conjunction schemas) {
  // A schema that holds twice holds once, and `true` says nothing.
  Conjunction together;
  std::vector<const Json*> key;
  for (SchemaAt& schema : schemas) {
    const bool is_true = schema.node->is_boolean() && schema.node->get<bool>();
    if (is_true || std::find(key.begin(), key.end(), schema.node) != key.end()) continue;
    key.push_back(schema.node);
    together.push_back(std::move(schema));
  }
  if (together.empty()) return text_.any_value();
  const auto [place, is_new] = rules_.try_emplace(std::move(key), RuleId{0});
  if (!is_new) return place->second;
  if (rules_.size() > kMaxSchemaRules)
    return error(ErrorCode::kLimit, "the schema has more than {} parts that differ; make it smaller", kMaxSchemaRules);
  place->second = builder_.declare();
  waiting_.emplace_back(place->second, std::move(together));
  return waiting_.back().first;
}

Result<void> SchemaCompiler::add_value(Nfa& nfa, StateId from, SchemaFacts facts, StateId to, int depth) {
  TRY_VOID(budget_.spend(kStateCost));
  if (facts.is_impossible || facts.types == 0) return {};
  if (!facts.choices.empty()) return add_choice(nfa, from, std::move(facts), to, depth);
  if (!facts.allowed.empty()) return add_allowed(nfa, from, facts, to);
  if (facts.is_anything()) return JsonText::add_call(nfa, from, TRY(text_.any_value()), to), Result<void>{};
  if (facts.types & kNullType) nfa.add_text(from, "null", to);
  if (facts.types & kBooleanType) nfa.add_text(from, "true", to), nfa.add_text(from, "false", to);
  if (facts.types & (kIntegerType | kFractionType)) TRY_VOID(add_number(nfa, from, facts, to));
  if (facts.types & kStringType) TRY_VOID(add_string(nfa, from, facts, to));
  if (facts.types & kArrayType) TRY_VOID(add_array(nfa, from, facts, to));
  if (facts.types & kObjectType) TRY_VOID(add_object(nfa, from, facts, to));
  return {};
}

Result<void> SchemaCompiler::add_choice(Nfa& nfa, StateId from, SchemaFacts facts, StateId to, int depth) {
  if (depth > kMaxChoiceDepth)
    return error(ErrorCode::kLimit, "more than {} anyOf or oneOf hold for one value; join them", kMaxChoiceDepth);
  const SchemaFacts::Choice choice = std::move(facts.choices.back());
  facts.choices.pop_back();
  if (choice.is_exclusive) TRY_VOID(check_exclusive(facts, choice.schemas));
  const bool is_alone = facts.choices.empty() && facts.is_anything();
  for (const SchemaAt& schema : choice.schemas) {
    if (is_alone) {
      JsonText::add_call(nfa, from, TRY(rule_of({schema})), to);
      continue;
    }
    SchemaFacts branch = facts;
    TRY_VOID(root_->read({schema}, branch));
    TRY_VOID(add_value(nfa, from, std::move(branch), to, depth + 1));
  }
  return {};
}

Result<void> SchemaCompiler::add_allowed(Nfa& nfa, StateId from, const SchemaFacts& facts, StateId to) {
  for (const Json* value : facts.allowed[0]) {
    TRY_VOID(budget_.spend(kStateCost));
    if (TRY(fulfils(*value, facts))) TRY_VOID(text_.add_literal(nfa, from, *value, to));
  }
  return {};
}

Result<bool> SchemaCompiler::fulfils(const Json& value, const SchemaFacts& facts) {
  if (facts.is_impossible || !(type_of(value) & facts.types)) return false;
  for (size_t list = 0; list < facts.allowed.size(); ++list) {
    const auto& values = facts.allowed[list];
    if (list == 0 && std::find(values.begin(), values.end(), &value) != values.end()) continue;
    TRY_VOID(budget_.spend(values.size()));
    if (std::none_of(values.begin(), values.end(), [&](const Json* one) { return are_equal(*one, value); }))
      return false;
  }
  if (value.is_structured() && facts.limits_structure() && !big_integer(value))
    return root_->refuse(facts.allowed_at.pointer, "other keywords limit the objects or arrays among its values");
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    return TRY(string_automaton(facts)).accepts(text);
  }
  if (const auto number = decimal_of(value); number && !facts.numbers.empty()) {
    const std::string digits =
        (number->is_negative ? "-" : "") + number->whole + (number->fraction.empty() ? "" : "." + number->fraction);
    return TRY(number_automaton_of(facts)).accepts(digits);
  }
  return true;
}

Result<std::shared_ptr<const Dfa>> SchemaCompiler::pattern_automaton(const std::string& pattern, const SchemaAt& at) {
  std::shared_ptr<const Dfa>& known = patterns_[pattern];
  if (!known) known = std::make_shared<const Dfa>(TRY(matching_anywhere(pattern, root_->name_of(at), budget_)));
  return known;
}

Result<Dfa> SchemaCompiler::string_automaton(const SchemaFacts& facts) {
  std::optional<Dfa> content;
  const auto narrow = [&](const Dfa& other) -> Result<void> {
    content = content ? TRY(intersection(*content, other, budget_)) : other;
    return {};
  };
  for (const SchemaFacts::Text& pattern : facts.patterns)
    TRY_VOID(narrow(*TRY(pattern_automaton(pattern.name, pattern.at))));
  for (const SchemaFacts::Text& format : facts.formats) {
    const auto pattern = pattern_of_format(format.name);
    if (!pattern)
      return root_->refuse(format.at.pointer,
                           fmt::format("the format '{}' is not one of those that are; leave it out", format.name));
    TRY_VOID(narrow(TRY(matching_whole(*pattern, "format", budget_))));
  }
  if (!content || facts.min_length > 0 || facts.max_length != kUnbounded) {
    if (facts.max_length < facts.min_length) return Dfa{};
    const Expression lengths = repeat(one_of(all_characters()), facts.min_length, facts.max_length);
    TRY_VOID(narrow(TRY(automaton_of(lengths, budget_))));
  }
  return *content;
}

Result<void> SchemaCompiler::add_string(Nfa& nfa, StateId from, const SchemaFacts& facts, StateId to) {
  if (facts.max_length < facts.min_length) return {};
  std::string key = fmt::format("{},{}", facts.min_length, facts.max_length);
  for (const auto& pattern : facts.patterns) key += fmt::format(",p{}:{}", pattern.name.size(), pattern.name);
  for (const auto& format : facts.formats) key += fmt::format(",f{}:{}", format.name.size(), format.name);
  auto known = strings_.find(key);
  if (known == strings_.end()) {
    RuleId rule = 0;
    if (facts.patterns.empty() && facts.formats.empty()) {
      rule = TRY(text_.string_of_length(facts.min_length, facts.max_length));
    } else {
      rule = TRY(text_.string_of(TRY(string_automaton(facts))));
    }
    known = strings_.emplace(key, rule).first;
  }
  JsonText::add_call(nfa, from, known->second, to);
  return {};
}

Result<Dfa> SchemaCompiler::number_automaton_of(const SchemaFacts& facts) {
  NumberLimits limits = facts.numbers;
  limits.is_integer = !(facts.types & kFractionType);
  return number_automaton(limits, budget_);
}

Result<void> SchemaCompiler::add_number(Nfa& nfa, StateId from, const SchemaFacts& facts, StateId to) {
  std::string key = facts.types & kFractionType ? "n" : "i";
  const auto describe = [&](char sign, const Decimal& value) {
    key += fmt::format("{}{}{}.{}", sign, value.is_negative ? "-" : "", value.whole, value.fraction);
  };
  for (const NumberBound& bound : facts.numbers.at_least) describe(bound.is_exclusive ? '>' : '}', bound.value);
  for (const NumberBound& bound : facts.numbers.at_most) describe(bound.is_exclusive ? '<' : '{', bound.value);
  for (const Decimal& divisor : facts.numbers.multiples_of) describe('*', divisor);
  auto known = numbers_.find(key);
  if (known == numbers_.end()) {
    const RuleId rule = builder_.declare();
    Nfa number;
    add_automaton(number, number.start(), TRY(number_automaton_of(facts)), number.accept());
    TRY_VOID(builder_.define(rule, number));
    known = numbers_.emplace(key, rule).first;
  }
  JsonText::add_call(nfa, from, known->second, to);
  return {};
}

Result<void> SchemaCompiler::add_array(Nfa& nfa, StateId from, const SchemaFacts& facts, StateId to) {
  size_t prefix = 0;
  for (const SchemaAt& schema : facts.arrays) {
    const auto items = schema.node->find("prefixItems");
    if (items == schema.node->end()) continue;
    if (!items->is_array()) return root_->fail(schema.pointer + "/prefixItems", "an array of schemas");
    prefix = std::max(prefix, items->size());
  }
  const auto item_rule = [&](size_t index) {
    Conjunction schemas;
    for (const SchemaAt& schema : facts.arrays) {
      const auto first = schema.node->find("prefixItems"), rest = schema.node->find("items");
      if (first != schema.node->end() && index < first->size())
        schemas.push_back(SchemaRoot::child(SchemaRoot::child(schema, *first, "prefixItems"), (*first)[index],
                                            std::to_string(index)));
      else if (rest != schema.node->end())
        schemas.push_back(SchemaRoot::child(schema, *rest, "items"));
    }
    return rule_of(std::move(schemas));
  };
  const uint32_t min = facts.min_items, max = facts.max_items;
  const StateId opened = nfa.add_state(), first = nfa.add_state(), behind = nfa.add_state(), closing = nfa.add_state();
  nfa.add_edge(from, '[', '[', opened);
  nfa.add_edge(closing, ']', ']', to);
  TRY_VOID(text_.add_blank_in_brackets(nfa, opened, first));
  TRY_VOID(text_.add_blank_in_brackets(nfa, behind, closing));
  if (min == 0) nfa.add_free(opened, closing);
  if (max == 0 || max < min) return {};
  // The items that have a schema of their own, and the first in any case; then the rest, which are alike.
  StateId at = first;
  size_t written = 0;
  for (const size_t own = std::min<size_t>(std::max<size_t>(prefix, 1), max); written < own; ++written) {
    TRY_VOID(budget_.spend(kStateCost));
    if (written > 0) {
      const StateId comma = nfa.add_state(), next = nfa.add_state();
      nfa.add_edge(at, ',', ',', comma);
      TRY_VOID(text_.add_blank_after_sign(nfa, comma, next));
      at = next;
    }
    const StateId after = nfa.add_state();
    JsonText::add_call(nfa, at, TRY(item_rule(written)), after);
    if (written + 1 >= min) nfa.add_free(after, behind);
    at = after;
  }
  if (written == max) return {};
  const auto left = static_cast<uint32_t>(written);
  return add_more_items(nfa, at, TRY(item_rule(written)), min - std::min(min, left),
                        max == kUnbounded ? kUnbounded : max - left, behind);
}

Result<void> SchemaCompiler::add_more_items(Nfa& nfa, StateId from, RuleId item, uint32_t min, uint32_t max,
                                            StateId to) {
  const auto add_one = [&](Nfa& rule, StateId start, StateId end) -> Result<void> {
    const StateId comma = rule.add_state(), next = rule.add_state();
    rule.add_edge(start, ',', ',', comma);
    TRY_VOID(text_.add_blank_after_sign(rule, comma, next));
    JsonText::add_call(rule, next, item, end);
    return {};
  };
  if (min > kFewItems || (max > kFewItems && max != kUnbounded)) {
    const RuleId more = builder_.declare();
    Nfa one;
    TRY_VOID(add_one(one, one.start(), one.accept()));
    TRY_VOID(builder_.define(more, one, Count{min, max}));
    JsonText::add_call(nfa, from, more, to);
    return {};
  }
  StateId at = from;
  for (uint32_t i = 0; i < (max == kUnbounded ? min : max); ++i) {
    if (i >= min) nfa.add_free(at, to);
    const StateId after = nfa.add_state();
    TRY_VOID(add_one(nfa, at, after));
    at = after;
  }
  nfa.add_free(at, to);
  if (max != kUnbounded) return {};
  const StateId loop = nfa.add_state();
  nfa.add_free(at, loop);
  nfa.add_free(loop, to);
  return add_one(nfa, loop, loop);
}

}  // namespace paddock::grammar
