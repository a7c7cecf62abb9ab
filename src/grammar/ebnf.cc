// SPDX-License-Identifier: Apache-2.0
#include "grammar/ebnf.h"

#include <algorithm>
#include <map>
#include <string>

#include "base/utf8.h"
#include "grammar/regex.h"
#include "grammar/repetitions.h"

namespace paddock::grammar {

namespace {

constexpr int kMaxEbnfDepth = 100;  // groups inside each other: the tree is walked by recursion
constexpr size_t kMaxNamedRules = 20'000;
// Rules that do not call themselves are copied to where they are called, up to this size: one automaton is faster than
// two.
constexpr size_t kMaxInlined = 300;

struct NamedRule {
  std::string name;
  size_t offset = 0;  // where it was first mentioned
  bool is_defined = false;
  Expression body;
};

class EbnfParser {
 public:
  explicit EbnfParser(std::string_view text) : text_(text) {}

  Result<std::vector<NamedRule>> parse() {
    if (!is_valid_utf8(text_)) return fail("valid UTF-8");
    rule_of("root");
    skip_blanks();
    while (!done()) {
      const size_t start = at_;
      const std::string name = read_name();
      if (name.empty() || !take("::=")) return at_ = start, fail("a rule, 'name ::= …'");
      const RuleId rule = rule_of(name);
      if (rules_[rule].is_defined)
        return at_ = start, fail(fmt::format("one definition of '{}', which has one already", name));
      rules_[rule].is_defined = true;
      Expression body = TRY(alternatives(0));
      rules_[rule].body = std::move(body);
      if (!done() && !at_rule()) return fail("a rule or more of the one before");
      if (rules_.size() > kMaxNamedRules)
        return error(ErrorCode::kLimit, "the EBNF grammar has more than {} rules; make it smaller", kMaxNamedRules);
    }
    for (const NamedRule& rule : rules_)
      if (!rule.is_defined) return at_ = rule.offset, fail(fmt::format("a definition of the rule '{}'", rule.name));
    return std::move(rules_);
  }

 private:
  bool done() const { return at_ >= text_.size(); }
  bool take(std::string_view token) {
    if (!text_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    skip_blanks();
    return true;
  }
  tl::unexpected<Error> fail(std::string_view expected) const {
    return error(ErrorCode::kInvalidArgument, "EBNF grammar: expected {} at byte {}", expected, at_);
  }

  void skip_blanks() {
    while (!done()) {
      if (text_[at_] == '#')
        at_ = std::min(text_.find('\n', at_), text_.size());
      else if (std::string_view(" \t\r\n").find(text_[at_]) == std::string_view::npos)
        return;
      else
        ++at_;
    }
  }

  static bool is_name_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  }
  std::string read_name() {
    const size_t start = at_;
    while (!done() && is_name_character(text_[at_])) ++at_;
    std::string name(text_.substr(start, at_ - start));
    skip_blanks();
    return name;
  }
  bool at_rule() {
    const size_t start = at_;
    const bool is_rule = !read_name().empty() && text_.substr(at_).starts_with("::=");
    at_ = start;
    return is_rule;
  }

  RuleId rule_of(const std::string& name) {
    const auto [place, is_new] = ids_.try_emplace(name, static_cast<RuleId>(rules_.size()));
    if (is_new) rules_.push_back({.name = name, .offset = at_});
    return place->second;
  }

  Result<Expression> alternatives(int depth) {
    if (depth > kMaxEbnfDepth) return fail(fmt::format("at most {} groups inside each other", kMaxEbnfDepth));
    std::vector<Expression> parts;
    do {
      std::vector<Expression> factors;
      while (!done() && text_[at_] != '|' && text_[at_] != ')' && !at_rule()) {
        Expression part = TRY(atom(depth));
        factors.push_back(TRY(quantified(std::move(part))));
      }
      parts.push_back(sequence(std::move(factors)));
    } while (take("|"));
    return parts.size() == 1 ? std::move(parts[0]) : choice(std::move(parts));
  }

  Result<Expression> atom(int depth) {
    const char first = text_[at_];
    if (first == '"' || first == '\'') return quoted(first);
    if (first == '[') {
      SymbolSet set = TRY(parse_class(text_, at_, "EBNF grammar"));
      skip_blanks();
      return one_of(std::move(set));
    }
    if (take(".")) return one_of(all_characters());
    if (take("(")) {
      Expression inside = TRY(alternatives(depth + 1));
      if (!take(")")) return fail("')'");
      return inside;
    }
    if (!is_name_character(first)) return fail("a text, a class, a group or the name of a rule");
    const size_t start = at_;
    const std::string name = read_name();
    const size_t end = at_;
    at_ = start;
    const RuleId rule = rule_of(name);
    at_ = end;
    return call(rule);
  }

  Result<Expression> quantified(Expression part) {
    for (;;) {
      uint32_t min = 0, max = kUnbounded;
      if (take("+")) {
        min = 1;
      } else if (take("?")) {
        max = 1;
      } else if (take("{")) {
        min = TRY(number());
        max = min;
        if (take(",")) max = !done() && text_[at_] == '}' ? kUnbounded : TRY(number());
        if (!take("}")) return fail("'}' after a repetition's bounds");
        if (max < min) return fail("a repetition whose upper bound is not below the lower");
      } else if (!take("*")) {
        return part;
      }
      // Repetitions of repetitions nest the tree as groups do, but are not counted: a hostile row of stars is.
      if (++repetitions_in_a_row_ > kMaxEbnfDepth) return fail("fewer repetitions behind each other");
      part = repeat(std::move(part), min, max);
      if (done() || std::string_view("+?{*").find(text_[at_]) == std::string_view::npos) repetitions_in_a_row_ = 0;
    }
  }

  Result<uint32_t> number() {
    constexpr uint64_t kLargest = 1'000'000'000;
    if (done() || text_[at_] < '0' || text_[at_] > '9') return fail("a number");
    uint64_t value = 0;
    for (; !done() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_)
      value = std::min(kLargest, value * 10 + static_cast<uint64_t>(text_[at_] - '0'));
    skip_blanks();
    return static_cast<uint32_t>(value);
  }

  Result<Expression> quoted(char quote) {
    ++at_;
    std::vector<Expression> characters;
    while (!done() && text_[at_] != quote) {
      Symbol symbol = 0;
      if (text_[at_] == '\\') {
        symbol = TRY(escape());
      } else {
        const Utf8Character read = decode_utf8(text_.substr(at_));
        at_ += read.length;
        symbol = read.code_point;
      }
      characters.push_back(one_of({{symbol, symbol}}));
    }
    if (done()) return fail("the end of a text");
    ++at_;
    skip_blanks();
    return sequence(std::move(characters));
  }

  Result<Symbol> escape() {
    if (at_ + 1 >= text_.size()) return fail("a character after '\\'");
    const char letter = text_[at_ + 1];
    at_ += 2;
    switch (letter) {
      case 'n': return Symbol{'\n'};
      case 'r': return Symbol{'\r'};
      case 't': return Symbol{'\t'};
      case '\\':
      case '"':
      case '\'':
      case '[':
      case ']':
      case '/': return static_cast<Symbol>(letter);
      case 'x': return hex(2);
      case 'u': return hex(4);
      case 'U': return hex(8);
      default: at_ -= 2; return fail("one of the escapes \\n \\r \\t \\\\ \\\" \\xHH \\uHHHH \\UHHHHHHHH");
    }
  }

  Result<Symbol> hex(size_t count) {
    uint64_t value = 0;
    for (size_t i = 0; i < count; ++i, ++at_) {
      const size_t digit =
          done() ? std::string_view::npos : std::string_view("0123456789abcdefABCDEF").find(text_[at_]);
      if (digit == std::string_view::npos) return fail("a hexadecimal digit");
      value = value * 16 + (digit < 16 ? digit : digit - 6);
    }
    if (value > kMaxCodePoint) return fail("a code point up to 10FFFF");
    return static_cast<Symbol>(value);
  }

  std::string_view text_;
  size_t at_ = 0;
  std::vector<NamedRule> rules_;
  std::map<std::string, RuleId, std::less<>> ids_;
  int repetitions_in_a_row_ = 0;
};

// Copies small rules to where they are called.
class Inliner {
 public:
  Inliner(std::vector<NamedRule>& rules, Budget& budget)
      : rules_(rules), budget_(budget), state_(rules.size(), kUnseen) {}

  Result<void> run() {
    for (RuleId rule = 0; rule < rules_.size(); ++rule) TRY_VOID(visit(rule, 0));
    return {};
  }

 private:
  enum State : uint8_t { kUnseen, kOpen, kDone, kSmall };
  static constexpr int kMaxCalls = 200;  // of rules inside each other, by recursion

  Result<void> visit(RuleId rule, int depth) {
    if (state_[rule] != kUnseen || depth > kMaxCalls) return {};
    state_[rule] = kOpen;
    TRY_VOID(replace(rules_[rule].body, depth));
    const bool is_small = !calls_something(rules_[rule].body) && size_of(rules_[rule].body, kMaxInlined) < kMaxInlined;
    state_[rule] = is_small ? kSmall : kDone;
    return {};
  }

  Result<void> replace(Expression& expression, int depth) {
    TRY_VOID(budget_.spend(1));
    for (Expression& part : expression.parts) TRY_VOID(replace(part, depth));
    if (expression.kind != Expression::Kind::kCall) return {};
    const RuleId rule = expression.rule;
    TRY_VOID(visit(rule, depth + 1));
    if (state_[rule] != kSmall) return {};
    TRY_VOID(budget_.spend(kStateCost * size_of(rules_[rule].body, kMaxInlined)));
    expression = Expression(rules_[rule].body);
    return {};
  }

  // A rule that still calls another is not copied: it may call itself in the end.
  static bool calls_something(const Expression& expression) {
    return expression.kind == Expression::Kind::kCall ||
           std::any_of(expression.parts.begin(), expression.parts.end(), calls_something);
  }

  std::vector<NamedRule>& rules_;
  Budget& budget_;
  std::vector<State> state_;
};

Result<Rules> compile(std::vector<NamedRule> rules, bool inlined) {
  Budget budget;
  if (inlined) TRY_VOID(Inliner(rules, budget).run());
  RuleBuilder builder(budget);
  for (size_t i = 0; i < rules.size(); ++i) builder.declare();
  for (RuleId rule = 0; rule < rules.size(); ++rule) {
    const Expression body = TRY(split_repetitions(std::move(rules[rule].body), builder, budget));
    Nfa nfa;
    TRY_VOID(lower(body, nfa, nfa.start(), nfa.accept(), budget));
    TRY_VOID(builder.define(rule, nfa));
  }
  return std::move(builder).finish(0);
}

}  // namespace

Result<Rules> compile_ebnf(std::string_view text) {
  std::vector<NamedRule> rules = TRY(EbnfParser(text).parse());
  Result<Rules> compiled = compile(rules, true);
  if (compiled || compiled.error().code != ErrorCode::kLimit) return compiled;
  return compile(std::move(rules), false);
}

}  // namespace paddock::grammar
