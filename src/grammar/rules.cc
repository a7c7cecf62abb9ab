// SPDX-License-Identifier: Apache-2.0
#include "grammar/rules.h"

#include <algorithm>

#include "base/check.h"
#include "grammar/encode.h"
#include "grammar/rule_facts.h"

namespace paddock::grammar {

namespace {

// The table of transitions has one number for each state and class of bytes: 64 MB at most.
constexpr size_t kMaxTable = size_t{1} << 24;
constexpr size_t kMaxRules = 50'000;

bool is_call(const Edge& edge) { return edge.low >= kFirstCall; }
RuleId rule_of(const Edge& edge) { return edge.low - kFirstCall; }

// A counted rule with a nullable body repeats any number of times up to its maximum, the empty text included: the body
// is then taken without the empty text.
void make_body_progress(Dfa& automaton, Count& count) {
  if (automaton.empty() || !automaton.states[0].accepting) return;
  count.min = 0;
  Dfa::State start = automaton.states[0];
  start.accepting = false;
  // The old start may be reached again, where it accepts: it becomes a state of its own.
  const auto moved = static_cast<StateId>(automaton.states.size());
  automaton.states.push_back(automaton.states[0]);
  for (Dfa::State& state : automaton.states)
    for (Edge& edge : state.edges)
      if (edge.target == 0) edge.target = moved;
  for (Edge& edge : start.edges)
    if (edge.target == 0) edge.target = moved;
  automaton.states[0] = std::move(start);
}

// The start of a counted rule stands between repetitions, so nothing inside one may lead to it.
void make_start_unreachable(Dfa& automaton) {
  bool is_reached = false;
  for (const Dfa::State& state : automaton.states)
    for (const Edge& edge : state.edges) is_reached |= edge.target == 0;
  if (!is_reached) return;
  const auto moved = static_cast<StateId>(automaton.states.size());
  automaton.states.push_back(automaton.states[0]);
  for (Dfa::State& state : automaton.states)
    for (Edge& edge : state.edges)
      if (edge.target == 0) edge.target = moved;
}

// Rules that some text belongs to.
std::vector<bool> productive_rules(const std::vector<const Dfa*>& automata) {
  // Every state waits for its first edge that leads to the end; every rule for its start.
  struct Waiting {
    RuleId rule;
    StateId state;
    Edge edge;
  };
  std::vector<bool> productive(automata.size(), false);
  std::vector<std::vector<bool>> live(automata.size());
  std::vector<std::vector<std::vector<Waiting>>> sources(automata.size());
  std::vector<std::vector<Waiting>> callers(automata.size());
  std::vector<std::pair<RuleId, StateId>> found;
  const auto mark = [&](RuleId rule, StateId state) {
    if (live[rule][state]) return;
    live[rule][state] = true;
    found.emplace_back(rule, state);
  };
  for (RuleId rule = 0; rule < automata.size(); ++rule) {
    const auto& states = automata[rule]->states;
    live[rule].resize(states.size());
    sources[rule].resize(states.size());
    for (StateId state = 0; state < states.size(); ++state) {
      for (const Edge& edge : states[state].edges) {
        sources[rule][edge.target].push_back({rule, state, edge});
        if (is_call(edge)) callers[rule_of(edge)].push_back({rule, state, edge});
      }
      if (states[state].accepting) mark(rule, state);
    }
  }
  while (!found.empty()) {
    const auto [rule, state] = found.back();
    found.pop_back();
    for (const Waiting& source : sources[rule][state])
      if (!is_call(source.edge) || productive[rule_of(source.edge)]) mark(rule, source.state);
    if (state != 0 || productive[rule]) continue;
    productive[rule] = true;
    for (const Waiting& caller : callers[rule])
      if (live[caller.rule][caller.edge.target]) mark(caller.rule, caller.state);
  }
  return productive;
}

void drop_unproductive_calls(Dfa& automaton, const std::vector<bool>& productive) {
  for (Dfa::State& state : automaton.states)
    std::erase_if(state.edges, [&](const Edge& edge) { return is_call(edge) && !productive[rule_of(edge)]; });
  trim(automaton);
}

}  // namespace

RuleId RuleBuilder::declare() {
  drafts_.emplace_back();
  return static_cast<RuleId>(drafts_.size() - 1);
}

Result<void> RuleBuilder::define(RuleId rule, const Nfa& code_points, std::optional<Count> count) {
  return define_bytes(rule, TRY(encode_utf8(code_points, budget_)), count);
}

Result<void> RuleBuilder::define_bytes(RuleId rule, const Nfa& bytes, std::optional<Count> count) {
  if (drafts_.size() > kMaxRules)
    return error(ErrorCode::kLimit, "the grammar has more than {} rules; make it smaller", kMaxRules);
  Dfa automaton = TRY(determinise(bytes, budget_));
  if (count) {
    make_body_progress(automaton, *count);
    make_start_unreachable(automaton);
    if (automaton.empty() && count->min == 0) count.reset(), automaton.states.push_back({.accepting = true});
  }
  drafts_[rule] = {std::move(automaton), count};
  return {};
}

Result<Rules> RuleBuilder::finish(RuleId root) && {
  std::vector<const Dfa*> automata;
  // A counted rule that need not stand at all is productive whatever its body is.
  Dfa nothing;
  nothing.states.push_back({.accepting = true});
  for (const Draft& draft : drafts_)
    automata.push_back(draft.count && draft.count->min == 0 ? &nothing : &draft.automaton);
  const std::vector<bool> productive = productive_rules(automata);
  if (!productive[root])
    return error(ErrorCode::kInvalidArgument,
                 "no text can satisfy the grammar: expected at least one, found rules that exclude each other or that "
                 "refer to themselves without an end");

  // Only what the root reaches.
  std::vector<RuleId> number(drafts_.size(), kNoState);
  std::vector<RuleId> order = {root};
  number[root] = 0;
  size_t state_count = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    Draft& draft = drafts_[order[i]];
    drop_unproductive_calls(draft.automaton, productive);
    if (draft.automaton.empty()) draft = {.automaton = nothing, .count = {}};
    state_count += draft.automaton.states.size();
    for (const Dfa::State& state : draft.automaton.states) {
      for (const Edge& edge : state.edges) {
        if (!is_call(edge) || number[rule_of(edge)] != kNoState) continue;
        number[rule_of(edge)] = static_cast<RuleId>(order.size());
        order.push_back(rule_of(edge));
      }
    }
  }

  Rules rules;
  std::bitset<257> begins;  // bytes that begin a class
  begins.set(0);
  for (const RuleId rule : order)
    for (const Dfa::State& state : drafts_[rule].automaton.states)
      for (const Edge& edge : state.edges)
        if (!is_call(edge)) begins.set(edge.low), begins.set(edge.high + 1);
  for (size_t byte = 0, number_of_class = 0; byte < 256; ++byte) {
    if (byte > 0 && begins.test(byte)) ++number_of_class;
    rules.byte_class[byte] = static_cast<uint8_t>(number_of_class);
  }
  rules.classes = size_t{rules.byte_class[255]} + 1;
  if (state_count > kMaxTable / rules.classes)
    return error(ErrorCode::kLimit,
                 "the grammar needs {} states, which is too many; expected at most {}: make bounds and alternatives "
                 "fewer",
                 state_count, kMaxTable / rules.classes);
  rules.next.assign(state_count * rules.classes, kNoState);
  for (const RuleId id : order) {
    const Draft& draft = drafts_[id];
    Rules::Rule rule;
    rule.start = static_cast<StateId>(rules.states.size());
    rule.is_counted = draft.count.has_value();
    if (draft.count) rule.min = draft.count->min, rule.max = draft.count->max;
    const auto rule_number = static_cast<RuleId>(rules.rules.size());
    for (const Dfa::State& from : draft.automaton.states) {
      const auto here = static_cast<StateId>(rules.states.size());
      Rules::State state{.rule = rule_number, .first_call = static_cast<uint32_t>(rules.calls.size())};
      state.accepting = from.accepting;
      for (const Edge& edge : from.edges) {
        const StateId target = rule.start + edge.target;
        if (is_call(edge))
          rules.calls.push_back({number[rule_of(edge)], target});
        else
          for (Symbol byte = edge.low; byte <= edge.high; ++byte)
            rules.next[here * rules.classes + rules.byte_class[byte]] = target;
      }
      state.calls = static_cast<uint32_t>(rules.calls.size()) - state.first_call;
      state.only_ends = state.accepting && from.edges.empty();
      state.is_plain = !state.accepting && state.calls == 0 && !(rule.is_counted && here == rule.start);
      if (state.calls > 0 || (rule.is_counted && state.accepting && !state.only_ends)) rule.is_simple = false;
      rules.states.push_back(state);
    }
    rules.rules.push_back(rule);
  }
  find_facts(rules);
  return rules;
}

}  // namespace paddock::grammar
