// SPDX-License-Identifier: Apache-2.0
// Objects: properties in the schema's order, each at most once, then others.

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "grammar/regex.h"
#include "grammar/schema_compiler.h"

namespace paddock::grammar {

namespace {

constexpr size_t kMaxKeyPatterns = 6;          // of patternProperties: every set of them is a case of its own
constexpr size_t kMaxPropertyStates = 10'000;  // properties times how many of them are counted

const Json* member(const SchemaAt& schema, const char* key) {
  const auto found = schema.node->find(key);
  return found == schema.node->end() ? nullptr : &*found;
}

}  // namespace

// The schemas that a property's value has to fulfil: its own, those of patterns that its name matches, or else those of
// additional properties.
Result<Conjunction> SchemaCompiler::property_schemas(const SchemaFacts& facts, const std::string& name) {
  Conjunction schemas;
  static const Json nothing = false;
  for (const SchemaAt& schema : facts.objects) {
    bool is_named = false;
    if (const Json* properties = member(schema, "properties")) {
      if (const auto own = properties->find(name); own != properties->end()) {
        schemas.push_back(SchemaRoot::child(SchemaRoot::child(schema, *properties, "properties"), *own, name));
        is_named = true;
      }
    }
    if (const Json* patterns = member(schema, "patternProperties")) {
      const SchemaAt at = SchemaRoot::child(schema, *patterns, "patternProperties");
      for (const auto& item : patterns->items()) {
        const SchemaAt value = SchemaRoot::child(at, item.value(), item.key());
        if (!TRY(pattern_automaton(item.key(), value))->accepts(name)) continue;
        schemas.push_back(value);
        is_named = true;
      }
    }
    if (is_named) continue;
    if (const Json* additional = member(schema, "additionalProperties"))
      schemas.push_back(SchemaRoot::child(schema, *additional, "additionalProperties"));
    else if (options_.close_objects && member(schema, "properties"))
      schemas.push_back({&nothing, schema.pointer});
  }
  if (const auto limits = TRY(key_limits(facts)); limits && !limits->accepts(name)) schemas.push_back({&nothing, ""});
  return schemas;
}

// What propertyNames asks of names; missing where it asks nothing.
Result<std::optional<Dfa>> SchemaCompiler::key_limits(const SchemaFacts& facts) {
  if (facts.property_names.empty()) return std::optional<Dfa>{};
  SchemaFacts names;
  TRY_VOID(root_->read(facts.property_names, names));
  if (!names.choices.empty())
    return root_->refuse(facts.property_names[0].pointer, "a choice between schemas of names is not supported");
  if (names.is_impossible || !(names.types & kStringType)) return std::optional<Dfa>(Dfa{});
  Dfa automaton = TRY(string_automaton(names));
  if (names.allowed.empty()) return std::optional<Dfa>(std::move(automaton));
  std::vector<Expression> texts;
  for (const Json* value : names.allowed[0])
    if (value->is_string() && TRY(fulfils(*value, names)))
      texts.push_back(text_of(value->get_ref<const std::string&>()));
  return std::optional<Dfa>(TRY(automaton_of(choice(std::move(texts)), budget_)));
}

Result<std::vector<SchemaCompiler::OtherKeys>> SchemaCompiler::other_keys(const SchemaFacts& facts,
                                                                          const std::vector<std::string>& names) {
  std::vector<OtherKeys> others;
  std::map<std::string, SchemaAt> patterns;
  for (const SchemaAt& schema : facts.objects) {
    const Json* own = member(schema, "patternProperties");
    if (!own) continue;
    const SchemaAt at = SchemaRoot::child(schema, *own, "patternProperties");
    for (const auto& item : own->items())
      patterns.try_emplace(item.key(), SchemaRoot::child(at, item.value(), item.key()));
  }
  if (patterns.size() > kMaxKeyPatterns)
    return root_->refuse(facts.objects[0].pointer + "/patternProperties",
                         fmt::format("more than {} patterns of names hold for one object", kMaxKeyPatterns));
  const auto limits = TRY(key_limits(facts));
  const bool is_any_name = names.empty() && patterns.empty() && !limits;

  std::vector<std::string> all_patterns;
  for (const auto& item : patterns) all_patterns.push_back(item.first);
  std::optional<Dfa> unnamed;  // all names but the given ones
  for (size_t matched = 0; matched < size_t{1} << all_patterns.size(); ++matched) {
    // Which schemas hold for names that match these patterns and no others.
    Conjunction value;
    bool is_impossible = false;
    const auto is_matched = [&](const std::string& pattern) {
      const auto place = std::find(all_patterns.begin(), all_patterns.end(), pattern) - all_patterns.begin();
      return (matched >> place & 1) != 0;
    };
    for (const SchemaAt& schema : facts.objects) {
      bool is_named = false;
      if (const Json* own = member(schema, "patternProperties")) {
        const SchemaAt at = SchemaRoot::child(schema, *own, "patternProperties");
        for (const auto& item : own->items()) {
          if (!is_matched(item.key())) continue;
          value.push_back(SchemaRoot::child(at, item.value(), item.key()));
          is_named = true;
        }
      }
      if (is_named) continue;
      if (const Json* additional = member(schema, "additionalProperties"))
        value.push_back(SchemaRoot::child(schema, *additional, "additionalProperties"));
      else if (options_.close_objects && member(schema, "properties"))
        is_impossible = true;
    }
    for (const SchemaAt& schema : value) is_impossible |= schema.node->is_boolean() && !schema.node->get<bool>();
    if (is_impossible) continue;
    if (is_any_name) {
      others.push_back({TRY(text_.any_string()), std::move(value)});
      continue;
    }
    if (!unnamed) {
      std::vector<Expression> texts;
      for (const std::string& name : names) texts.push_back(text_of(name));
      unnamed = TRY(complement(TRY(automaton_of(choice(std::move(texts)), budget_)), budget_));
      if (limits) unnamed = TRY(intersection(*unnamed, *limits, budget_));
    }
    Dfa keys = *unnamed;
    for (const std::string& pattern : all_patterns) {
      const auto automaton = TRY(pattern_automaton(pattern, patterns.at(pattern)));
      keys = TRY(intersection(keys, is_matched(pattern) ? *automaton : TRY(complement(*automaton, budget_)), budget_));
    }
    if (keys.empty()) continue;
    others.push_back({TRY(text_.string_of(keys)), std::move(value)});
  }
  return others;
}

Result<void> SchemaCompiler::add_object(Nfa& nfa, StateId from, const SchemaFacts& facts, StateId to) {
  std::vector<std::string> names;
  std::set<std::string> known;
  for (const SchemaAt& schema : facts.objects) {
    const Json* properties = member(schema, "properties");
    if (!properties) continue;
    if (!properties->is_object()) return root_->fail(schema.pointer + "/properties", "an object of schemas");
    for (const auto& item : properties->items())
      if (known.insert(item.key()).second) names.push_back(item.key());
  }
  for (const SchemaAt& schema : facts.objects)
    if (const Json* patterns = member(schema, "patternProperties"); patterns && !patterns->is_object())
      return root_->fail(schema.pointer + "/patternProperties", "an object of schemas");
  for (const std::string& name : facts.required)
    if (known.insert(name).second) names.push_back(name);
  const std::set<std::string> required(facts.required.begin(), facts.required.end());
  const auto others = TRY(other_keys(facts, names));

  // How many properties have been written is counted as far as it matters: none or some, and up to the bounds.
  const uint32_t min = facts.min_properties;
  uint32_t max = facts.max_properties;
  if (others.empty() && max >= names.size()) max = kUnbounded;
  if (min > max) return {};
  if (!others.empty() && min > required.size() + 1)
    return root_->refuse(facts.objects.empty() ? "" : facts.objects[0].pointer,
                         "minProperties beyond the required ones, where additional properties may repeat each other");
  const size_t levels = std::max<size_t>({1, min, max == kUnbounded ? 0 : max});
  if ((names.size() + 1) * levels > kMaxPropertyStates)
    return error(ErrorCode::kLimit, "an object with {} properties of which up to {} are counted is too large",
                 names.size(), levels);
  // Before property i, with n properties written.
  std::vector<StateId> states((names.size() + 2) * (levels + 1));
  for (StateId& state : states) state = nfa.add_state();
  TRY_VOID(budget_.spend(kStateCost * states.size()));
  const auto state_of = [&](size_t property, size_t written) { return states[property * (levels + 1) + written]; };
  const auto may_write = [&](size_t written) { return max == kUnbounded || written < max; };

  const StateId opened = nfa.add_state(), closing = nfa.add_state();
  nfa.add_edge(from, '{', '{', opened);
  nfa.add_edge(closing, '}', '}', to);
  const StateId inside = nfa.add_state(), behind = nfa.add_state();
  TRY_VOID(text_.add_blank_in_brackets(nfa, opened, inside));
  TRY_VOID(text_.add_blank_in_brackets(nfa, behind, closing));
  nfa.add_free(inside, state_of(0, 0));
  // Empty, without blanks.
  if (required.empty() && min == 0) nfa.add_free(opened, closing);

  // Adds what stands before a key, and calls `add_rest(start, end)` for each number of properties that may be written
  // before.
  const auto add_pair = [&](size_t property, size_t next_property, const auto& add_rest) -> Result<void> {
    const StateId key = nfa.add_state();
    for (size_t written = 0; written <= levels; ++written) {
      if (!may_write(written)) continue;
      // One key and value for each count, as what follows depends on it.
      const StateId start = nfa.add_state();
      if (written == 0) {
        nfa.add_free(state_of(property, written), start);
      } else {
        const StateId comma = nfa.add_state();
        nfa.add_edge(state_of(property, written), ',', ',', comma);
        TRY_VOID(text_.add_blank_after_sign(nfa, comma, start));
      }
      const size_t after = std::min(written + 1, levels);
      if (levels == 1) {
        nfa.add_free(start, key);
        if (written == 0) TRY_VOID(add_rest(key, state_of(next_property, after)));
      } else {
        TRY_VOID(add_rest(start, state_of(next_property, after)));
      }
    }
    return {};
  };
  const auto add_value_behind = [&](StateId colon, RuleId value, StateId end) -> Result<void> {
    const StateId after = nfa.add_state(), start = nfa.add_state();
    nfa.add_edge(colon, ':', ':', after);
    TRY_VOID(text_.add_blank_after_sign(nfa, after, start));
    JsonText::add_call(nfa, start, value, end);
    return {};
  };

  for (size_t i = 0; i < names.size(); ++i) {
    if (!required.contains(names[i]))
      for (size_t written = 0; written <= levels; ++written)
        nfa.add_free(state_of(i, written), state_of(i + 1, written));
    const RuleId value = TRY(rule_of(TRY(property_schemas(facts, names[i]))));
    TRY_VOID(add_pair(i, i + 1, [&](StateId start, StateId end) -> Result<void> {
      TRY_VOID(budget_.spend(kStateCost * (names[i].size() + 8)));
      const StateId colon = nfa.add_state();
      text_.add_string_literal(nfa, start, names[i], colon);
      return add_value_behind(colon, value, end);
    }));
  }
  const size_t last = names.size();
  for (const OtherKeys& other : others) {
    const RuleId value = TRY(rule_of(other.value));
    TRY_VOID(add_pair(last, last, [&](StateId start, StateId end) -> Result<void> {
      const StateId colon = nfa.add_state();
      JsonText::add_call(nfa, start, other.key, colon);
      return add_value_behind(colon, value, end);
    }));
  }
  for (size_t written = std::max<size_t>(min, 1); written <= levels; ++written)
    nfa.add_free(state_of(last, written), behind);
  return {};
}

}  // namespace paddock::grammar
