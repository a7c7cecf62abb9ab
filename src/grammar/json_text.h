// SPDX-License-Identifier: Apache-2.0
#pragma once
// JSON's own tokens as parts of rules: blanks, literals, strings, and any value at all.

#include <map>
#include <string>

#include "base/json.h"
#include "grammar/grammar.h"
#include "grammar/rules.h"

namespace paddock::grammar {

// Adds to rules over code points. Rules that are needed in several places are made once.
class JsonText {
 public:
  JsonText(RuleBuilder& builder, Budget& budget, Whitespace whitespace)
      : builder_(builder), budget_(budget), whitespace_(whitespace) {}

  // Blanks after ':' or ',', and inside brackets.
  Result<void> add_blank_after_sign(Nfa& nfa, StateId from, StateId to);
  Result<void> add_blank_in_brackets(Nfa& nfa, StateId from, StateId to);

  // A given value. Strings may have their escapes in any form that JSON writers use.
  Result<void> add_literal(Nfa& nfa, StateId from, const Json& value, StateId to);
  void add_string_literal(Nfa& nfa, StateId from, std::string_view text, StateId to);

  Result<RuleId> any_value();
  Result<RuleId> any_string();
  // Strings, with their quotes, of min to max characters.
  Result<RuleId> string_of_length(uint32_t min, uint32_t max);
  // Strings whose text the automaton accepts.
  Result<RuleId> string_of(const Dfa& content);

  static void add_call(Nfa& nfa, StateId from, RuleId rule, StateId to) {
    nfa.add_edge(from, call_symbol(rule), call_symbol(rule), to);
  }

 private:
  Result<RuleId> blank_rule();

  RuleBuilder& builder_;
  Budget& budget_;
  Whitespace whitespace_;
  std::optional<RuleId> blank_, any_value_, any_string_;
};

}  // namespace paddock::grammar
