// SPDX-License-Identifier: Apache-2.0
#include "grammar/regex.h"

#include <algorithm>
#include <optional>

#include "base/utf8.h"

namespace paddock::grammar {

namespace {

constexpr int kMaxRegexDepth = 100;  // groups inside each other: the tree is walked by recursion

const SymbolSet& digits() {
  static const SymbolSet set = {{'0', '9'}};
  return set;
}
const SymbolSet& word_characters() {
  static const SymbolSet set = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
  return set;
}
// WhiteSpace and LineTerminator of ECMA-262.
const SymbolSet& blanks() {
  static const SymbolSet set = {{0x09, 0x0D},     {0x20, 0x20},     {0xA0, 0xA0},     {0x1680, 0x1680},
                                {0x2000, 0x200A}, {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F},
                                {0x3000, 0x3000}, {0xFEFF, 0xFEFF}};
  return set;
}
const SymbolSet& not_line_ends() {
  static const SymbolSet set = all_characters_but({{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}});
  return set;
}

int hex_value(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

class RegexParser {
 public:
  RegexParser(std::string_view text, std::string_view source, size_t offset = 0)
      : text_(text), source_(source), at_(offset) {}

  Result<Expression> whole() {
    if (!is_valid_utf8(text_))
      return error(ErrorCode::kInvalidArgument, "{}: expected valid UTF-8 in the regular expression", source_);
    Expression expression = TRY(alternatives(0));
    if (!done()) return fail("an opening parenthesis for ')'");
    return expression;
  }

  Result<SymbolSet> char_class() {
    ++at_;  // [
    const bool is_negated = take("^");
    SymbolSet set;
    while (!take("]")) {
      if (done()) return fail("']' at the end of a class");
      ClassItem low = TRY(class_item());
      if (low.is_set || !peek_range()) {
        set.insert(set.end(), low.set.begin(), low.set.end());
        continue;
      }
      ++at_;  // -
      const ClassItem high = TRY(class_item());
      if (high.is_set || high.set[0].low < low.set[0].low) return fail("a range that ends above its start");
      set.push_back({low.set[0].low, high.set[0].low});
    }
    set = normalised(std::move(set));
    return is_negated ? all_characters_but(set) : set;
  }

  size_t at() const { return at_; }

 private:
  struct ClassItem {
    SymbolSet set;
    bool is_set = false;  // such as \d, which begins no range
  };

  bool done() const { return at_ >= text_.size(); }
  char peek() const { return text_[at_]; }
  bool take(std::string_view token) {
    if (!text_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }
  bool peek_range() const { return at_ + 1 < text_.size() && text_[at_] == '-' && text_[at_ + 1] != ']'; }

  tl::unexpected<Error> fail(std::string_view expected) const {
    return error(ErrorCode::kInvalidArgument, "{}: expected {} at byte {} of the regular expression", source_, expected,
                 at_);
  }
  tl::unexpected<Error> refuse(std::string_view what) const {
    return error(ErrorCode::kUnsupported,
                 "{}: {} at byte {} of the regular expression cannot be enforced; write the pattern without it",
                 source_, what, at_);
  }

  Result<Expression> alternatives(int depth) {
    if (depth > kMaxRegexDepth) return fail(fmt::format("at most {} groups inside each other", kMaxRegexDepth));
    std::vector<Expression> parts;
    do parts.push_back(TRY(concatenation(depth)));
    while (take("|"));
    return parts.size() == 1 ? std::move(parts[0]) : choice(std::move(parts));
  }

  Result<Expression> concatenation(int depth) {
    std::vector<Expression> parts;
    while (!done() && peek() != '|' && peek() != ')') {
      Expression part = TRY(atom(depth));
      parts.push_back(TRY(quantified(std::move(part))));
    }
    return parts.size() == 1 ? std::move(parts[0]) : sequence(std::move(parts));
  }

  Result<Expression> atom(int depth) {
    switch (peek()) {
      case '^': ++at_; return Expression{.kind = Expression::Kind::kBegin};
      case '$': ++at_; return Expression{.kind = Expression::Kind::kEnd};
      case '.': ++at_; return one_of(not_line_ends());
      case '(': return group(depth);
      case '[': return one_of(TRY(char_class()));
      case '*':
      case '+':
      case '?':
      case '{': return fail("an escape before this character");
      case '\\': return one_of(TRY(escape(false)).set);
      default: return one_of({TRY(character())});
    }
  }

  Result<Expression> group(int depth) {
    ++at_;  // (
    if (take("?")) {
      if (take("=") || take("!") || take("<=") || take("<!")) return refuse("look-around before this place");
      if (take("<")) {
        const size_t end = text_.find('>', at_);
        if (end == std::string_view::npos || end == at_) return fail("the name of a group and '>'");
        at_ = end + 1;
      } else if (!take(":")) {
        return refuse("a group of this kind");
      }
    }
    Expression inside = TRY(alternatives(depth + 1));
    if (!take(")")) return fail("')'");
    return inside;
  }

  Result<Expression> quantified(Expression part) {
    uint32_t min = 0, max = kUnbounded;
    if (take("+")) {
      min = 1;
    } else if (take("?")) {
      max = 1;
    } else if (take("{")) {
      min = TRY(number());
      max = min;
      if (take(",")) max = !done() && peek() == '}' ? kUnbounded : TRY(number());
      if (!take("}")) return fail("'}' after a repetition's bounds");
      if (max < min) return fail("a repetition whose upper bound is not below the lower");
    } else if (!take("*")) {
      return part;
    }
    if (part.kind == Expression::Kind::kBegin || part.kind == Expression::Kind::kEnd)
      return fail("no repetition of '^' or '$'");
    take("?");  // what matches is the same, lazily or not
    return repeat(std::move(part), min, max);
  }

  Result<uint32_t> number() {
    constexpr uint32_t kLargest = 1'000'000'000;  // more would be refused for its states anyway
    if (done() || peek() < '0' || peek() > '9') return fail("a number");
    uint32_t value = 0;
    for (; !done() && peek() >= '0' && peek() <= '9'; ++at_)
      value = std::min<uint64_t>(kLargest, value * uint64_t{10} + static_cast<uint32_t>(peek() - '0'));
    return value;
  }

  Result<SymbolRange> character() {
    const Utf8Character read = decode_utf8(text_.substr(at_));
    if (!read.valid) return fail("valid UTF-8");
    at_ += read.length;
    return SymbolRange{read.code_point, read.code_point};
  }

  Result<ClassItem> class_item() {
    if (done()) return fail("']' at the end of a class");
    if (peek() == '\\') return escape(true);
    return ClassItem{{TRY(character())}};
  }

  static ClassItem single(Symbol symbol) { return {{{symbol, symbol}}}; }

  // `at_` is at the backslash.
  Result<ClassItem> escape(bool in_class) {
    if (at_ + 1 >= text_.size()) return fail("a character after '\\'");
    const char letter = text_[at_ + 1];
    const size_t start = at_;
    at_ += 2;
    switch (letter) {
      case 'd': return ClassItem{digits(), true};
      case 'D': return ClassItem{all_characters_but(digits()), true};
      case 'w': return ClassItem{word_characters(), true};
      case 'W': return ClassItem{all_characters_but(word_characters()), true};
      case 's': return ClassItem{blanks(), true};
      case 'S': return ClassItem{all_characters_but(blanks()), true};
      case 't': return single('\t');
      case 'n': return single('\n');
      case 'v': return single('\v');
      case 'f': return single('\f');
      case 'r': return single('\r');
      case '0':
        if (!done() && peek() >= '0' && peek() <= '9') break;
        return single(0);
      case 'b':
        if (in_class) return single('\b');
        break;
      case 'c':
        if (done() || !((peek() >= 'a' && peek() <= 'z') || (peek() >= 'A' && peek() <= 'Z'))) break;
        return single(static_cast<Symbol>(text_[at_++] & 0x1F));
      case 'x': return code_unit(2);
      case 'u': return unicode();
      default:
        if (static_cast<signed char>(letter) > 0 && !is_letter_or_digit(letter))
          return single(static_cast<uint8_t>(letter));
    }
    at_ = start;
    return refuse(fmt::format("'\\{}'", is_letter_or_digit(letter) ? std::string(1, letter) : "…"));
  }

  static bool is_letter_or_digit(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  }

  Result<Symbol> hex(size_t count) {
    Symbol value = 0;
    for (size_t i = 0; i < count; ++i, ++at_) {
      const int digit = done() ? -1 : hex_value(peek());
      if (digit < 0) return fail("a hexadecimal digit");
      value = value * 16 + static_cast<Symbol>(digit);
    }
    return value;
  }

  Result<ClassItem> code_unit(size_t count) { return single(TRY(hex(count))); }

  Result<ClassItem> unicode() {
    if (take("{")) {
      Symbol value = 0;
      do {
        value = value * 16 + TRY(hex(1));
        if (value > kMaxCodePoint) return fail("a code point up to 10FFFF");
      } while (!done() && peek() != '}');
      if (!take("}")) return fail("'}'");
      return single(value);
    }
    const Symbol value = TRY(hex(4));
    const bool is_high = value >= 0xD800 && value <= 0xDBFF;
    if (!is_high || !text_.substr(at_).starts_with("\\u")) return single(value);
    const size_t second = at_;
    at_ += 2;
    const Result<Symbol> low = hex(4);
    if (low && *low >= 0xDC00 && *low <= 0xDFFF) return single(0x10000 + ((value - 0xD800) << 10) + (*low - 0xDC00));
    at_ = second;
    return single(value);
  }

  std::string_view text_;
  std::string_view source_;
  size_t at_;
};

}  // namespace

Result<Expression> parse_regex(std::string_view pattern, std::string_view source) {
  return RegexParser(pattern, source).whole();
}

Result<SymbolSet> parse_class(std::string_view text, size_t& end, std::string_view source) {
  RegexParser parser(text, source, end);
  SymbolSet set = TRY(parser.char_class());
  end = parser.at();
  return set;
}

Result<Dfa> matching_whole(std::string_view pattern, std::string_view source, Budget& budget) {
  return automaton_of(TRY(parse_regex(pattern, source)), budget);
}

Result<Dfa> matching_anywhere(std::string_view pattern, std::string_view source, Budget& budget) {
  std::vector<Expression> parts;
  parts.push_back(repeat(one_of(all_characters()), 0, kUnbounded));
  parts.push_back(TRY(parse_regex(pattern, source)));
  parts.push_back(repeat(one_of(all_characters()), 0, kUnbounded));
  return automaton_of(sequence(std::move(parts)), budget);
}

}  // namespace paddock::grammar
