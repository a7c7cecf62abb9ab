// SPDX-License-Identifier: Apache-2.0
#pragma once
// Finite automata over ranges of symbols. A symbol is a byte or a code point (which of them, the caller knows), or,
// from kFirstCall on, a call of a rule: a text of that rule stands in its place.

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace paddock::grammar {

using Symbol = uint32_t;
using StateId = uint32_t;
using RuleId = uint32_t;

constexpr Symbol kMaxCodePoint = 0x10FFFF;
constexpr Symbol kFirstCall = kMaxCodePoint + 1;
constexpr StateId kNoState = ~StateId{0};

inline Symbol call_symbol(RuleId rule) { return kFirstCall + rule; }

// What compiling one grammar may cost at most, so that no regular expression or schema takes more than about a second
// or some hundred megabytes. Counted in states and edges looked at.
class Budget {
 public:
  // Errors with kLimit when the work is used up.
  Result<void> spend(size_t work);

 private:
  size_t left_ = 10'000'000;
};

// A state holds some hundred bytes; looking at an edge takes none.
constexpr size_t kStateCost = 16;

struct Edge {
  Symbol low = 0;  // the symbols low to high, both included
  Symbol high = 0;
  StateId target = 0;
  bool operator==(const Edge&) const = default;
};

// Inclusive ranges of symbols, sorted, neither overlapping nor touching.
struct SymbolRange {
  Symbol low = 0;
  Symbol high = 0;
  bool operator==(const SymbolRange&) const = default;
};
using SymbolSet = std::vector<SymbolRange>;

SymbolSet normalised(SymbolSet ranges);
// All code points but surrogates, which no UTF-8 text holds.
const SymbolSet& all_characters();
SymbolSet all_characters_but(const SymbolSet& set);  // `set` normalised

// Nondeterministic, with one start and one accepting state.
class Nfa {
 public:
  struct State {
    std::vector<Edge> edges;
    std::vector<StateId> free;    // taken without a symbol
    std::vector<StateId> begins;  // the same, but only before the first symbol
    std::vector<StateId> ends;    // the same, but only after the last symbol
  };

  Nfa() : states_(2) {}
  StateId start() const { return 0; }
  StateId accept() const { return 1; }
  size_t size() const { return states_.size(); }
  const State& operator[](StateId state) const { return states_[state]; }

  StateId add_state();
  void add_edge(StateId from, Symbol low, Symbol high, StateId to) { states_[from].edges.push_back({low, high, to}); }
  void add_set(StateId from, const SymbolSet& set, StateId to);
  void add_free(StateId from, StateId to) { states_[from].free.push_back(to); }
  void add_begin(StateId from, StateId to) { states_[from].begins.push_back(to); }
  void add_end(StateId from, StateId to) { states_[from].ends.push_back(to); }
  // The characters of `text`, which is valid UTF-8, one after the other.
  void add_text(StateId from, std::string_view text, StateId to);

 private:
  std::vector<State> states_;
};

// Deterministic; state 0 is the start. Without states it accepts nothing.
struct Dfa {
  struct State {
    std::vector<Edge> edges;  // sorted, disjoint
    bool accepting = false;
    bool operator==(const State&) const = default;
  };
  std::vector<State> states;

  bool empty() const { return states.empty(); }  // of a trimmed automaton: no text is accepted
  // Of an automaton over code points.
  bool accepts(std::string_view utf8) const;
};

// The result is trimmed, and states that are plainly equal are one.
Result<Dfa> determinise(const Nfa& nfa, Budget& budget);

// Over code points, without calls.
Result<Dfa> intersection(const Dfa& left, const Dfa& right, Budget& budget);
Result<Dfa> complement(const Dfa& dfa, Budget& budget);

// Drops the states that reach no accepting state.
void trim(Dfa& dfa);
// Joins states that have the same edges, from the ends towards the start: all that can be joined where there are no
// loops, and enough elsewhere.
void join_equal_states(Dfa& dfa);

// Adds the automaton between two states of `nfa`.
void add_automaton(Nfa& nfa, StateId from, const Dfa& dfa, StateId to);

}  // namespace paddock::grammar
