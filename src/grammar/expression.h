// SPDX-License-Identifier: Apache-2.0
#pragma once
// What regular expressions and EBNF rules are read into: a tree over characters and calls of rules.

#include <memory>
#include <string_view>
#include <vector>

#include "grammar/automaton.h"

namespace paddock::grammar {

constexpr uint32_t kUnbounded = ~uint32_t{0};

struct Expression {
  enum class Kind { kSequence, kChoice, kSet, kRepeat, kCall, kBegin, kEnd };

  Kind kind = Kind::kSequence;  // a sequence of nothing is the empty text
  std::vector<Expression> parts;
  SymbolSet set;     // kSet: one character of these
  uint32_t min = 0;  // kRepeat: how often parts[0] stands
  uint32_t max = 0;  // kUnbounded: no bound
  RuleId rule = 0;   // kCall
};

Expression one_of(SymbolSet set);
Expression text_of(std::string_view utf8);
Expression sequence(std::vector<Expression> parts);
Expression choice(std::vector<Expression> parts);
Expression repeat(Expression part, uint32_t min, uint32_t max);
Expression call(RuleId rule);

// The states that lowering makes, counted up to `limit`.
size_t size_of(const Expression& expression, size_t limit);

// Adds the texts of `expression` between two states.
Result<void> lower(const Expression& expression, Nfa& nfa, StateId from, StateId to, Budget& budget);

// All of them as an automaton over code points.
Result<Dfa> automaton_of(const Expression& expression, Budget& budget);

}  // namespace paddock::grammar
