// SPDX-License-Identifier: Apache-2.0
#include "grammar/expression.h"

#include <algorithm>

#include "base/utf8.h"

namespace paddock::grammar {

namespace {
using Kind = Expression::Kind;
}

Expression one_of(SymbolSet set) { return {.kind = Kind::kSet, .set = normalised(std::move(set))}; }

Expression text_of(std::string_view utf8) {
  Expression text;
  while (!utf8.empty()) {
    const Utf8Character character = decode_utf8(utf8);
    utf8.remove_prefix(character.length);
    text.parts.push_back(one_of({{character.code_point, character.code_point}}));
  }
  return text;
}

Expression sequence(std::vector<Expression> parts) { return {.kind = Kind::kSequence, .parts = std::move(parts)}; }
Expression choice(std::vector<Expression> parts) { return {.kind = Kind::kChoice, .parts = std::move(parts)}; }

Expression repeat(Expression part, uint32_t min, uint32_t max) {
  Expression repeated{.kind = Kind::kRepeat, .min = min, .max = max};
  repeated.parts.push_back(std::move(part));
  return repeated;
}

Expression call(RuleId rule) { return {.kind = Kind::kCall, .rule = rule}; }

size_t size_of(const Expression& expression, size_t limit) {
  size_t size = 1;
  for (const Expression& part : expression.parts) {
    size += size_of(part, limit);
    if (size >= limit) return limit;
  }
  if (expression.kind != Kind::kRepeat) return size;
  const uint32_t copies = expression.max == kUnbounded ? std::max(expression.min, 1u) : expression.max;
  return std::min(limit, size * std::max(copies, 1u));
}

Result<void> lower(const Expression& expression, Nfa& nfa, StateId from, StateId to, Budget& budget) {
  TRY_VOID(budget.spend(kStateCost + expression.set.size()));
  switch (expression.kind) {
    case Kind::kSet: nfa.add_set(from, expression.set, to); return {};
    case Kind::kCall: nfa.add_edge(from, call_symbol(expression.rule), call_symbol(expression.rule), to); return {};
    case Kind::kBegin: nfa.add_begin(from, to); return {};
    case Kind::kEnd: nfa.add_end(from, to); return {};
    case Kind::kChoice:
      for (const Expression& part : expression.parts) TRY_VOID(lower(part, nfa, from, to, budget));
      return {};
    case Kind::kSequence:
      for (size_t i = 0; i < expression.parts.size(); ++i) {
        const StateId next = i + 1 == expression.parts.size() ? to : nfa.add_state();
        TRY_VOID(lower(expression.parts[i], nfa, from, next, budget));
        from = next;
      }
      if (from != to) nfa.add_free(from, to);
      return {};
    case Kind::kRepeat: break;
  }
  const Expression& part = expression.parts[0];
  for (uint32_t i = 0; i < expression.min; ++i) {
    const StateId next = nfa.add_state();
    TRY_VOID(lower(part, nfa, from, next, budget));
    TRY_VOID(budget.spend(kStateCost));
    from = next;
  }
  if (expression.max == kUnbounded) {
    const StateId loop = nfa.add_state();
    nfa.add_free(from, loop);
    nfa.add_free(loop, to);
    return lower(part, nfa, loop, loop, budget);
  }
  for (uint32_t i = expression.min; i < expression.max; ++i) {
    nfa.add_free(from, to);
    const StateId next = nfa.add_state();
    TRY_VOID(lower(part, nfa, from, next, budget));
    TRY_VOID(budget.spend(kStateCost));
    from = next;
  }
  nfa.add_free(from, to);
  return {};
}

Result<Dfa> automaton_of(const Expression& expression, Budget& budget) {
  Nfa nfa;
  TRY_VOID(lower(expression, nfa, nfa.start(), nfa.accept(), budget));
  return determinise(nfa, budget);
}

}  // namespace paddock::grammar
