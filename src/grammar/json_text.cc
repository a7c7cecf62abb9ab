// SPDX-License-Identifier: Apache-2.0
#include "grammar/json_text.h"

#include <nlohmann/json.hpp>

#include "base/utf8.h"
#include "grammar/encode.h"
#include "grammar/number_text.h"

namespace paddock::grammar {

namespace {

constexpr uint32_t kMaxIndent = 64;  // blanks after a line break

void add_hex_escape(Nfa& nfa, StateId from, char32_t unit, StateId to) {
  const StateId backslash = nfa.add_state();
  StateId at = nfa.add_state();
  nfa.add_edge(from, '\\', '\\', backslash);
  nfa.add_edge(backslash, 'u', 'u', at);
  for (int shift = 12; shift >= 0; shift -= 4) {
    const StateId next = shift == 0 ? to : nfa.add_state();
    const Symbol digit = unit >> shift & 0xF;
    if (digit < 10) {
      nfa.add_edge(at, '0' + digit, '0' + digit, next);
    } else {
      nfa.add_edge(at, 'A' + digit - 10, 'A' + digit - 10, next);
      nfa.add_edge(at, 'a' + digit - 10, 'a' + digit - 10, next);
    }
    at = next;
  }
}

void add_character(Nfa& nfa, StateId from, char32_t character, StateId to) {
  static constexpr std::string_view kShort = "\"\\\b\f\n\r\t";
  static constexpr std::string_view kLetters = "\"\\bfnrt";
  if (character < 0x80) {
    const size_t place = kShort.find(static_cast<char>(character));
    if (place != std::string_view::npos) {
      const StateId backslash = nfa.add_state();
      nfa.add_edge(from, '\\', '\\', backslash);
      nfa.add_edge(backslash, static_cast<Symbol>(kLetters[place]), static_cast<Symbol>(kLetters[place]), to);
    }
    if (place != std::string_view::npos || character < 0x20) {
      add_hex_escape(nfa, from, character, to);
      return;
    }
    nfa.add_edge(from, character, character, to);
    return;
  }
  nfa.add_edge(from, character, character, to);
  if (character < 0x10000) {
    add_hex_escape(nfa, from, character, to);
    return;
  }
  const StateId middle = nfa.add_state();
  add_hex_escape(nfa, from, 0xD800 + ((character - 0x10000) >> 10), middle);
  add_hex_escape(nfa, middle, 0xDC00 + (character & 0x3FF), to);
}

Dfa any_text() {
  Dfa dfa;
  dfa.states.push_back({.accepting = true});
  for (const SymbolRange& range : all_characters()) dfa.states[0].edges.push_back({range.low, range.high, 0});
  return dfa;
}

Dfa any_character() {
  Dfa dfa;
  dfa.states.resize(2);
  for (const SymbolRange& range : all_characters()) dfa.states[0].edges.push_back({range.low, range.high, 1});
  dfa.states[1].accepting = true;
  return dfa;
}

Nfa in_quotes(const Nfa& inside) {
  Nfa nfa;
  const auto first = static_cast<StateId>(nfa.size());
  for (size_t i = 0; i < inside.size(); ++i) nfa.add_state();
  for (StateId state = 0; state < inside.size(); ++state) {
    for (const Edge& edge : inside[state].edges) nfa.add_edge(first + state, edge.low, edge.high, first + edge.target);
    for (const StateId target : inside[state].free) nfa.add_free(first + state, first + target);
  }
  nfa.add_edge(nfa.start(), '"', '"', first + inside.start());
  nfa.add_edge(first + inside.accept(), '"', '"', nfa.accept());
  return nfa;
}

}  // namespace

Result<RuleId> JsonText::blank_rule() {
  if (blank_) return *blank_;
  const RuleId indent = builder_.declare();
  Nfa blank;
  for (const Symbol symbol : {' ', '\t'}) blank.add_edge(blank.start(), symbol, symbol, blank.accept());
  TRY_VOID(builder_.define(indent, blank, Count{0, kMaxIndent}));
  blank_ = builder_.declare();
  Nfa nfa;
  nfa.add_free(nfa.start(), nfa.accept());
  nfa.add_edge(nfa.start(), ' ', ' ', nfa.accept());
  const StateId line_feed = nfa.add_state(), broken = nfa.add_state();
  nfa.add_edge(nfa.start(), '\r', '\r', line_feed);
  nfa.add_edge(nfa.start(), '\n', '\n', broken);
  nfa.add_edge(line_feed, '\n', '\n', broken);
  add_call(nfa, broken, indent, nfa.accept());
  TRY_VOID(builder_.define(*blank_, nfa));
  return *blank_;
}

Result<void> JsonText::add_blank_after_sign(Nfa& nfa, StateId from, StateId to) {
  if (whitespace_ == Whitespace::kPretty) {
    add_call(nfa, from, TRY(blank_rule()), to);
    return {};
  }
  nfa.add_free(from, to);
  if (whitespace_ == Whitespace::kAfterSign) nfa.add_edge(from, ' ', ' ', to);
  return {};
}

Result<void> JsonText::add_blank_in_brackets(Nfa& nfa, StateId from, StateId to) {
  if (whitespace_ == Whitespace::kPretty)
    add_call(nfa, from, TRY(blank_rule()), to);
  else
    nfa.add_free(from, to);
  return {};
}

void JsonText::add_string_literal(Nfa& nfa, StateId from, std::string_view text, StateId to) {
  StateId at = nfa.add_state();
  nfa.add_edge(from, '"', '"', at);
  while (!text.empty()) {
    const Utf8Character read = decode_utf8(text);
    text.remove_prefix(read.length);
    const StateId next = nfa.add_state();
    add_character(nfa, at, read.code_point, next);
    at = next;
  }
  nfa.add_edge(at, '"', '"', to);
}

Result<void> JsonText::add_literal(Nfa& nfa, StateId from, const Json& value, StateId to) {
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    TRY_VOID(budget_.spend(kStateCost * (text.size() + 1)));
    add_string_literal(nfa, from, text, to);
    return {};
  }
  if (!value.is_structured()) {
    const auto big = big_integer(value);
    const std::string text = big ? *big : value.dump();
    TRY_VOID(budget_.spend(kStateCost * text.size()));
    nfa.add_text(from, text, to);
    // 2.0 is 2.
    if (value.is_number_float() && text.ends_with(".0")) nfa.add_text(from, text.substr(0, text.size() - 2), to);
    return {};
  }
  const bool is_object = value.is_object();
  StateId at = nfa.add_state();
  nfa.add_edge(from, is_object ? '{' : '[', is_object ? '{' : '[', at);
  bool is_first = true;
  for (const auto& item : value.items()) {
    const StateId blank = nfa.add_state(), start = nfa.add_state(), end = nfa.add_state();
    if (is_first) {
      TRY_VOID(add_blank_in_brackets(nfa, at, start));
    } else {
      nfa.add_edge(at, ',', ',', blank);
      TRY_VOID(add_blank_after_sign(nfa, blank, start));
    }
    is_first = false;
    StateId inside = start;
    if (is_object) {
      const StateId colon = nfa.add_state(), after = nfa.add_state();
      inside = nfa.add_state();
      add_string_literal(nfa, start, item.key(), colon);
      nfa.add_edge(colon, ':', ':', after);
      TRY_VOID(add_blank_after_sign(nfa, after, inside));
    }
    TRY_VOID(add_literal(nfa, inside, item.value(), end));
    at = end;
  }
  if (!is_first) {
    const StateId last = nfa.add_state();
    TRY_VOID(add_blank_in_brackets(nfa, at, last));
    at = last;
  }
  nfa.add_edge(at, is_object ? '}' : ']', is_object ? '}' : ']', to);
  return {};
}

Result<RuleId> JsonText::any_string() {
  if (any_string_) return *any_string_;
  any_string_ = builder_.declare();
  TRY_VOID(builder_.define_bytes(*any_string_, in_quotes(TRY(encode_json_string(any_text(), Escapes::kAll, budget_)))));
  return *any_string_;
}

Result<RuleId> JsonText::string_of_length(uint32_t min, uint32_t max) {
  if (min == 0 && max == kUnbounded) return any_string();
  const RuleId characters = builder_.declare();
  const Nfa character = TRY(encode_json_string(any_character(), Escapes::kAll, budget_));
  TRY_VOID(builder_.define_bytes(characters, character, Count{min, max}));
  const RuleId rule = builder_.declare();
  Nfa nfa;
  const StateId opened = nfa.add_state(), closing = nfa.add_state();
  nfa.add_edge(nfa.start(), '"', '"', opened);
  add_call(nfa, opened, characters, closing);
  nfa.add_edge(closing, '"', '"', nfa.accept());
  TRY_VOID(builder_.define(rule, nfa));
  return rule;
}

Result<RuleId> JsonText::string_of(const Dfa& content) {
  const RuleId rule = builder_.declare();
  const Nfa inside = TRY(encode_json_string(content, Escapes::kNotAscii, budget_));
  TRY_VOID(builder_.define_bytes(rule, in_quotes(inside)));
  return rule;
}

Result<RuleId> JsonText::any_value() {
  if (any_value_) return *any_value_;
  any_value_ = builder_.declare();
  const RuleId string = TRY(any_string());
  Nfa nfa;
  for (const std::string_view word : {"null", "true", "false"}) nfa.add_text(nfa.start(), word, nfa.accept());
  add_call(nfa, nfa.start(), string, nfa.accept());
  add_automaton(nfa, nfa.start(), TRY(number_automaton({}, budget_)), nfa.accept());
  for (const bool is_object : {false, true}) {
    // Opened, before an item, behind an item, behind a comma, before the closing bracket.
    const StateId opened = nfa.add_state(), item = nfa.add_state(), behind = nfa.add_state(), comma = nfa.add_state(),
                  closing = nfa.add_state();
    nfa.add_edge(nfa.start(), is_object ? '{' : '[', is_object ? '{' : '[', opened);
    nfa.add_free(opened, closing);
    TRY_VOID(add_blank_in_brackets(nfa, opened, item));
    StateId value = item;
    if (is_object) {
      const StateId colon = nfa.add_state(), after = nfa.add_state();
      value = nfa.add_state();
      add_call(nfa, item, string, colon);
      nfa.add_edge(colon, ':', ':', after);
      TRY_VOID(add_blank_after_sign(nfa, after, value));
    }
    add_call(nfa, value, *any_value_, behind);
    nfa.add_edge(behind, ',', ',', comma);
    TRY_VOID(add_blank_after_sign(nfa, comma, item));
    TRY_VOID(add_blank_in_brackets(nfa, behind, closing));
    nfa.add_edge(closing, is_object ? '}' : ']', is_object ? '}' : ']', nfa.accept());
  }
  TRY_VOID(builder_.define(*any_value_, nfa));
  return *any_value_;
}

}  // namespace paddock::grammar
