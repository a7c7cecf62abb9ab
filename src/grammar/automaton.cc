// SPDX-License-Identifier: Apache-2.0
#include "grammar/automaton.h"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "base/utf8.h"

namespace paddock::grammar {

Result<void> Budget::spend(size_t work) {
  if (work > left_) {
    left_ = 0;
    return error(ErrorCode::kLimit,
                 "the grammar needs too many states: expected fewer or smaller repetitions, alternatives and lengths; "
                 "make the bounds smaller or leave them out");
  }
  left_ -= work;
  return {};
}

SymbolSet normalised(SymbolSet ranges) {
  std::sort(ranges.begin(), ranges.end(), [](const auto& a, const auto& b) { return a.low < b.low; });
  SymbolSet joined;
  for (const SymbolRange& range : ranges) {
    if (!joined.empty() && range.low <= joined.back().high + 1)
      joined.back().high = std::max(joined.back().high, range.high);
    else
      joined.push_back(range);
  }
  return joined;
}

const SymbolSet& all_characters() {
  static const SymbolSet all = {{0, 0xD7FF}, {0xE000, kMaxCodePoint}};
  return all;
}

SymbolSet all_characters_but(const SymbolSet& set) {
  SymbolSet rest;
  for (const SymbolRange& whole : all_characters()) {
    Symbol next = whole.low;
    for (const SymbolRange& taken : set) {
      if (taken.high < next || taken.low > whole.high) continue;
      if (taken.low > next) rest.push_back({next, taken.low - 1});
      next = taken.high + 1;
    }
    if (next <= whole.high) rest.push_back({next, whole.high});
  }
  return rest;
}

StateId Nfa::add_state() {
  states_.emplace_back();
  return static_cast<StateId>(states_.size() - 1);
}

void Nfa::add_set(StateId from, const SymbolSet& set, StateId to) {
  for (const SymbolRange& range : set) add_edge(from, range.low, range.high, to);
}

void Nfa::add_text(StateId from, std::string_view text, StateId to) {
  while (!text.empty()) {
    const Utf8Character character = decode_utf8(text);
    text.remove_prefix(character.length);
    const StateId next = text.empty() ? to : add_state();
    add_edge(from, character.code_point, character.code_point, next);
    from = next;
    if (text.empty()) return;
  }
  add_free(from, to);
}

namespace {

const Edge* find_edge(const Dfa::State& state, Symbol symbol) {
  const auto after = std::upper_bound(state.edges.begin(), state.edges.end(), symbol,
                                      [](Symbol wanted, const Edge& edge) { return wanted < edge.low; });
  if (after == state.edges.begin()) return nullptr;
  const Edge& edge = *std::prev(after);
  return symbol <= edge.high ? &edge : nullptr;
}

void append_edge(std::vector<Edge>& edges, Edge edge) {
  // Calls stay one by one: a range of them means nothing.
  if (!edges.empty() && edges.back().target == edge.target && edges.back().high + 1 == edge.low &&
      edge.low < kFirstCall)
    edges.back().high = edge.high;
  else
    edges.push_back(edge);
}

struct StatesHash {
  size_t operator()(const std::vector<StateId>& states) const {
    uint64_t hash = states.size();
    for (const StateId state : states) hash = (hash ^ state) * 0x9E3779B97F4A7C15u, hash ^= hash >> 29;
    return hash;
  }
};

// The subset construction.
class Determiniser {
 public:
  Determiniser(const Nfa& nfa, Budget& budget) : nfa_(nfa), budget_(budget), stamps_(nfa.size(), 0) {}

  Result<Dfa> run() {
    // The start has an automaton state of its own: `^` holds there and nowhere else.
    std::vector<StateId> first = {nfa_.start()};
    close(first, true, false);
    dfa_.states.emplace_back();
    sets_.push_back(first);
    dfa_.states[0].accepting = ends(first, true);
    for (size_t state = 0; state < sets_.size(); ++state) TRY_VOID(expand(static_cast<StateId>(state)));
    return std::move(dfa_);
  }

 private:
  void close(std::vector<StateId>& set, bool at_begin, bool at_end) {
    ++stamp_;
    for (const StateId state : set) stamps_[state] = stamp_;
    const auto follow = [&](const std::vector<StateId>& targets) {
      for (const StateId target : targets) {
        if (stamps_[target] == stamp_) continue;
        stamps_[target] = stamp_;
        set.push_back(target);
      }
    };
    for (size_t i = 0; i < set.size(); ++i) {
      const Nfa::State& state = nfa_[set[i]];
      follow(state.free);
      if (at_begin) follow(state.begins);
      if (at_end) follow(state.ends);
    }
    std::sort(set.begin(), set.end());
  }

  bool ends(std::vector<StateId> set, bool at_begin) {
    if (std::binary_search(set.begin(), set.end(), nfa_.accept())) return true;
    close(set, at_begin, true);
    return std::binary_search(set.begin(), set.end(), nfa_.accept());
  }

  Result<void> expand(StateId id) {
    std::vector<Edge> edges;
    for (const StateId state : sets_[id]) edges.insert(edges.end(), nfa_[state].edges.begin(), nfa_[state].edges.end());
    TRY_VOID(budget_.spend(sets_[id].size() + edges.size() + 1));
    std::sort(edges.begin(), edges.end(), [](const Edge& a, const Edge& b) { return a.low < b.low; });
    std::vector<Edge> active;
    size_t next = 0;
    Symbol low = 0;
    while (next < edges.size() || !active.empty()) {
      if (active.empty()) low = edges[next].low;
      while (next < edges.size() && edges[next].low == low) active.push_back(edges[next++]);
      Symbol high = next < edges.size() ? edges[next].low - 1 : ~Symbol{0};
      for (const Edge& edge : active) high = std::min(high, edge.high);
      TRY_VOID(budget_.spend(active.size()));
      std::vector<StateId> targets;
      for (const Edge& edge : active) targets.push_back(edge.target);
      const StateId target = TRY(state_of(std::move(targets)));
      append_edge(dfa_.states[id].edges, {low, high, target});
      std::erase_if(active, [high](const Edge& edge) { return edge.high == high; });
      low = high + 1;
    }
    return {};
  }

  Result<StateId> state_of(std::vector<StateId> set) {
    std::sort(set.begin(), set.end());
    set.erase(std::unique(set.begin(), set.end()), set.end());
    close(set, false, false);
    TRY_VOID(budget_.spend(set.size()));
    const auto [place, is_new] = ids_.try_emplace(std::move(set), static_cast<StateId>(sets_.size()));
    if (is_new) {
      TRY_VOID(budget_.spend(kStateCost));
      sets_.push_back(place->first);
      dfa_.states.emplace_back();
      dfa_.states.back().accepting = ends(place->first, false);
    }
    return place->second;
  }

  const Nfa& nfa_;
  Budget& budget_;
  Dfa dfa_;
  std::vector<std::vector<StateId>> sets_;  // by state of the result
  std::unordered_map<std::vector<StateId>, StateId, StatesHash> ids_;
  std::vector<uint32_t> stamps_;
  uint32_t stamp_ = 0;
};

// Keeps the states whose entry in `kept` is not kNoState, under that number.
void renumber(Dfa& dfa, const std::vector<StateId>& kept, size_t count) {
  std::vector<Dfa::State> states(count);
  for (size_t old = 0; old < dfa.states.size(); ++old) {
    if (kept[old] == kNoState) continue;
    Dfa::State& state = states[kept[old]];
    if (!state.edges.empty() || state.accepting) continue;  // an equal state was here before
    state.accepting = dfa.states[old].accepting;
    for (const Edge& edge : dfa.states[old].edges)
      if (kept[edge.target] != kNoState) append_edge(state.edges, {edge.low, edge.high, kept[edge.target]});
  }
  dfa.states = std::move(states);
}

struct StateHash {
  size_t operator()(const Dfa::State& state) const {
    uint64_t hash = state.accepting ? 3 : 5;
    for (const Edge& edge : state.edges) {
      for (const uint64_t part : {edge.low, edge.high, edge.target})
        hash = (hash ^ part) * 0x9E3779B97F4A7C15u, hash ^= hash >> 29;
    }
    return hash;
  }
};

// The states reachable from the start, each after those it leads to as far as loops allow.
std::vector<StateId> ends_first(const Dfa& dfa) {
  std::vector<StateId> order;
  std::vector<bool> seen(dfa.states.size(), false);
  std::vector<std::pair<StateId, size_t>> path = {{0, 0}};
  seen[0] = true;
  while (!path.empty()) {
    auto& [state, edge] = path.back();
    if (edge == dfa.states[state].edges.size()) {
      order.push_back(state);
      path.pop_back();
      continue;
    }
    const StateId target = dfa.states[state].edges[edge++].target;
    if (!seen[target]) {
      seen[target] = true;
      path.emplace_back(target, 0);
    }
  }
  return order;
}

}  // namespace

bool Dfa::accepts(std::string_view utf8) const {
  if (states.empty()) return false;
  StateId state = 0;
  while (!utf8.empty()) {
    const Utf8Character character = decode_utf8(utf8);
    utf8.remove_prefix(character.length);
    const Edge* edge = find_edge(states[state], character.code_point);
    if (!edge) return false;
    state = edge->target;
  }
  return states[state].accepting;
}

Result<Dfa> determinise(const Nfa& nfa, Budget& budget) {
  TRY_VOID(budget.spend(nfa.size()));
  Dfa dfa = TRY(Determiniser(nfa, budget).run());
  trim(dfa);
  join_equal_states(dfa);
  return dfa;
}

void trim(Dfa& dfa) {
  std::vector<std::vector<StateId>> sources(dfa.states.size());
  std::vector<StateId> live;
  std::vector<StateId> kept(dfa.states.size(), kNoState);
  for (StateId state = 0; state < dfa.states.size(); ++state) {
    for (const Edge& edge : dfa.states[state].edges) sources[edge.target].push_back(state);
    if (!dfa.states[state].accepting) continue;
    live.push_back(state);
    kept[state] = 0;
  }
  for (size_t i = 0; i < live.size(); ++i) {
    for (const StateId source : sources[live[i]]) {
      if (kept[source] != kNoState) continue;
      kept[source] = 0;
      live.push_back(source);
    }
  }
  if (dfa.states.empty() || kept[0] == kNoState) {
    dfa.states.clear();
    return;
  }
  StateId count = 0;
  for (StateId& id : kept)
    if (id != kNoState) id = count++;
  renumber(dfa, kept, count);
}

void join_equal_states(Dfa& dfa) {
  if (dfa.states.empty()) return;
  constexpr StateId kItself = kNoState - 1;  // so that two states that only loop to themselves look alike
  std::vector<StateId> joined(dfa.states.size());
  for (StateId state = 0; state < joined.size(); ++state) joined[state] = state;
  std::unordered_map<Dfa::State, StateId, StateHash> known;
  std::vector<StateId> kept(dfa.states.size(), kNoState);
  const std::vector<StateId> order = ends_first(dfa);
  for (const StateId state : order) {
    Dfa::State shape;
    shape.accepting = dfa.states[state].accepting;
    for (const Edge& edge : dfa.states[state].edges) {
      const StateId target = edge.target == state ? kItself : joined[edge.target];
      append_edge(shape.edges, {edge.low, edge.high, target});
    }
    joined[state] = known.try_emplace(std::move(shape), state).first->second;
  }
  // The start keeps its number.
  StateId count = 1;
  kept[joined[0]] = 0;
  for (const StateId state : order) {
    StateId& id = kept[joined[state]];
    if (id == kNoState) id = count++;
  }
  std::vector<StateId> number(dfa.states.size(), kNoState);
  for (const StateId state : order) number[state] = kept[joined[state]];
  renumber(dfa, number, count);
}

Result<Dfa> intersection(const Dfa& left, const Dfa& right, Budget& budget) {
  Dfa both;
  if (left.empty() || right.empty()) return both;
  std::map<std::pair<StateId, StateId>, StateId> ids = {{{0, 0}, 0}};
  std::vector<std::pair<StateId, StateId>> pairs = {{0, 0}};
  both.states.emplace_back();
  for (size_t i = 0; i < pairs.size(); ++i) {
    const Dfa::State& a = left.states[pairs[i].first];
    const Dfa::State& b = right.states[pairs[i].second];
    both.states[i].accepting = a.accepting && b.accepting;
    TRY_VOID(budget.spend(kStateCost + a.edges.size() + b.edges.size()));
    for (size_t x = 0, y = 0; x < a.edges.size() && y < b.edges.size();) {
      const Symbol low = std::max(a.edges[x].low, b.edges[y].low);
      const Symbol high = std::min(a.edges[x].high, b.edges[y].high);
      if (low <= high) {
        const std::pair pair(a.edges[x].target, b.edges[y].target);
        const auto [place, is_new] = ids.try_emplace(pair, static_cast<StateId>(pairs.size()));
        if (is_new) {
          pairs.push_back(pair);
          both.states.emplace_back();
        }
        append_edge(both.states[i].edges, {low, high, place->second});
      }
      if (a.edges[x].high < b.edges[y].high)
        ++x;
      else
        ++y;
    }
  }
  trim(both);
  join_equal_states(both);
  return both;
}

Result<Dfa> complement(const Dfa& dfa, Budget& budget) {
  Dfa other = dfa;
  if (other.states.empty()) other.states.emplace_back();
  const auto sink = static_cast<StateId>(other.states.size());
  other.states.emplace_back();
  for (Dfa::State& state : other.states) {
    TRY_VOID(budget.spend(1 + state.edges.size()));
    state.accepting = !state.accepting;
    SymbolSet taken;
    for (const Edge& edge : state.edges) taken.push_back({edge.low, edge.high});
    for (const SymbolRange& range : all_characters_but(normalised(std::move(taken))))
      state.edges.push_back({range.low, range.high, sink});
    std::sort(state.edges.begin(), state.edges.end(), [](const Edge& a, const Edge& b) { return a.low < b.low; });
  }
  trim(other);
  join_equal_states(other);
  return other;
}

void add_automaton(Nfa& nfa, StateId from, const Dfa& dfa, StateId to) {
  if (dfa.empty()) return;
  std::vector<StateId> ids(dfa.states.size());
  for (StateId& id : ids) id = nfa.add_state();
  nfa.add_free(from, ids[0]);
  for (size_t state = 0; state < ids.size(); ++state) {
    if (dfa.states[state].accepting) nfa.add_free(ids[state], to);
    for (const Edge& edge : dfa.states[state].edges) nfa.add_edge(ids[state], edge.low, edge.high, ids[edge.target]);
  }
}

}  // namespace paddock::grammar
