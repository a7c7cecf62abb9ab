// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/lexer.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "base/utf8.h"
#include "text/jinja/unicode.h"

namespace paddock::text::jinja {
namespace {

// Published templates have up to 30,000 bytes.
constexpr size_t kLargestSource = size_t{1} << 20;

struct OperatorToken {
  std::string_view text;
  TokenKind kind;
};

// Longer ones first.
constexpr OperatorToken kOperators[] = {
    {"//", TokenKind::kFloorDivide},
    {"**", TokenKind::kPower},
    {"==", TokenKind::kEqual},
    {"!=", TokenKind::kNotEqual},
    {">=", TokenKind::kGreaterEqual},
    {"<=", TokenKind::kLessEqual},
    {"+", TokenKind::kAdd},
    {"-", TokenKind::kSubtract},
    {"/", TokenKind::kDivide},
    {"*", TokenKind::kMultiply},
    {"%", TokenKind::kModulo},
    {"~", TokenKind::kTilde},
    {"[", TokenKind::kLeftBracket},
    {"]", TokenKind::kRightBracket},
    {"(", TokenKind::kLeftParenthesis},
    {")", TokenKind::kRightParenthesis},
    {"{", TokenKind::kLeftBrace},
    {"}", TokenKind::kRightBrace},
    {">", TokenKind::kGreater},
    {"<", TokenKind::kLess},
    {"=", TokenKind::kAssign},
    {".", TokenKind::kDot},
    {":", TokenKind::kColon},
    {"|", TokenKind::kPipe},
    {",", TokenKind::kComma},
    {";", TokenKind::kSemicolon},
};

bool is_decimal_digit(char character) { return character >= '0' && character <= '9'; }

// Line ends become \n, and one at the very end is dropped.
std::string normalise_lines(std::string_view source) {
  std::string text;
  text.reserve(source.size());
  for (size_t index = 0; index < source.size(); ++index) {
    if (source[index] == '\r' && index + 1 < source.size() && source[index + 1] == '\n') continue;
    text.push_back(source[index] == '\r' ? '\n' : source[index]);
  }
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

class Lexer {
 public:
  explicit Lexer(std::string source) : source_(std::move(source)), text_(source_) {}

  Result<std::vector<Token>> run() {
    while (position_ < text_.size()) TRY_VOID(outside());
    add(TokenKind::kEnd);
    return std::move(tokens_);
  }

 private:
  struct Tag {
    size_t begin = std::string_view::npos;  // of "{%", "{{" or "{#"
    char kind = 0;                          // '%', '{' or '#'
    char sign = 0;                          // '-', '+' or 0
  };

  bool at(std::string_view expected) const { return text_.compare(position_, expected.size(), expected) == 0; }

  void add(TokenKind kind, std::string text = {}) { tokens_.push_back({kind, line_, std::move(text)}); }

  // Moves on and counts lines.
  void advance_to(size_t position) {
    line_ += static_cast<int>(std::count(text_.begin() + static_cast<ptrdiff_t>(position_),
                                         text_.begin() + static_cast<ptrdiff_t>(position), '\n'));
    line_start_ = position > 0 ? text_[position - 1] == '\n' : true;
    position_ = position;
  }

  size_t skip_space(size_t position) const {
    while (position < text_.size() && is_space(character_at(text_, position)))
      position = next_character(text_, position);
    return position;
  }

  Tag find_tag(size_t from) const {
    Tag tag;
    for (size_t open = text_.find('{', from); open != std::string_view::npos; open = text_.find('{', open + 1)) {
      const char kind = open + 1 < text_.size() ? text_[open + 1] : '\0';
      if (kind != '%' && kind != '{' && kind != '#') continue;
      const char sign = open + 2 < text_.size() ? text_[open + 2] : '\0';
      return {open, kind, sign == '-' || sign == '+' ? sign : '\0'};
    }
    return tag;
  }

  // The text before a tag, without the white space that the tag cuts.
  void add_data(size_t end, char sign, bool cuts_indentation) {
    std::string_view data = text_.substr(position_, end - position_);
    const int line = line_;
    if (sign == '-') {
      while (!data.empty()) {
        const size_t last = previous_character(data, data.size());
        if (!is_space(character_at(data, last))) break;
        data = data.substr(0, last);
      }
    } else if (sign != '+' && cuts_indentation) {
      const size_t last_line = data.rfind('\n') + 1;
      const bool from_line_start = last_line > 0 || line_start_;
      if (from_line_start && skip_space(position_ + last_line) >= end) data = data.substr(0, last_line);
    }
    if (!data.empty()) tokens_.push_back({TokenKind::kData, line, std::string(data)});
    advance_to(end);
  }

  Result<void> outside() {
    const Tag tag = find_tag(position_);
    if (tag.begin == std::string_view::npos) {
      add(TokenKind::kData, std::string(text_.substr(position_)));
      advance_to(text_.size());
      return {};
    }
    add_data(tag.begin, tag.sign, tag.kind != '{');
    const size_t inside = tag.begin + (tag.sign != 0 ? 3 : 2);
    if (tag.kind == '#') return comment(inside);
    if (tag.kind == '%') {
      if (const auto content = raw_content(inside)) return raw(*content);
    }
    add(tag.kind == '%' ? TokenKind::kBlockBegin : TokenKind::kVariableBegin);
    advance_to(inside);
    return expression(tag.kind == '%' ? '%' : '}');
  }

  Result<void> comment(size_t inside) {
    const size_t close = text_.find("#}", inside);
    if (close == std::string_view::npos) return syntax_error(line_, "the comment is not closed; expected '#}}'");
    const char before = close > inside ? text_[close - 1] : '\0';
    advance_to(after_close(close + 2, before, true));
    return {};
  }

  // Where to go on after a closing tag that ends at `position`, by the sign before it.
  size_t after_close(size_t position, char sign, bool trims_newline) const {
    if (sign == '-') return skip_space(position);
    if (sign != '+' && trims_newline && position < text_.size() && text_[position] == '\n') return position + 1;
    return position;
  }

  // If `{%` at `inside` opens a raw block: where its content begins.
  std::optional<size_t> raw_content(size_t inside) const {
    const size_t word = skip_space(inside);
    if (text_.compare(word, 3, "raw") != 0) return std::nullopt;
    const size_t close = skip_space(word + 3);
    if (text_.compare(close, 3, "-%}") == 0) return skip_space(close + 3);
    if (text_.compare(close, 2, "%}") == 0) return close + 2;
    return std::nullopt;
  }

  Result<void> raw(size_t content) {
    const int opened = line_;
    advance_to(content);
    for (Tag tag = find_tag(content); tag.begin != std::string_view::npos; tag = find_tag(tag.begin + 1)) {
      if (tag.kind != '%') continue;
      const size_t word = skip_space(tag.begin + (tag.sign != 0 ? 3 : 2));
      if (text_.compare(word, 6, "endraw") != 0) continue;
      size_t close = skip_space(word + 6);
      const char sign = close < text_.size() && (text_[close] == '-' || text_[close] == '+') ? text_[close++] : '\0';
      if (text_.compare(close, 2, "%}") != 0) continue;
      add_data(tag.begin, tag.sign, true);
      advance_to(after_close(close + 2, sign, true));
      return {};
    }
    return syntax_error(opened, "the raw block is not closed; expected '{{% endraw %}}'");
  }

  // The tokens up to the end of the tag: "%}" or "}}". Inside brackets these are operators.
  Result<void> expression(char closer) {
    std::vector<char> open_brackets;
    for (;;) {
      advance_to(skip_space(position_));
      if (position_ >= text_.size()) return {};  // the parser says what is missing
      if (open_brackets.empty() && close_tag(closer)) return {};
      const char character = text_[position_];
      if (is_decimal_digit(character)) {
        TRY_VOID(number());
      } else if (character == '\'' || character == '"') {
        TRY_VOID(string(character));
      } else if (is_name_start(position_)) {
        name();
      } else {
        TRY_VOID(operation(open_brackets));
      }
    }
  }

  bool close_tag(char closer) {
    const char sign = text_[position_] == '-' || (text_[position_] == '+' && closer == '%') ? text_[position_] : '\0';
    const size_t close = position_ + (sign != 0 ? 1 : 0);
    const std::string_view expected = closer == '%' ? "%}" : "}}";
    if (text_.compare(close, 2, expected) != 0) return false;
    add(closer == '%' ? TokenKind::kBlockEnd : TokenKind::kVariableEnd);
    advance_to(after_close(close + 2, sign, closer == '%'));
    return true;
  }

  bool is_name_start(size_t position) const {
    const char32_t character = character_at(text_, position);
    return character == '_' || is_alphabetic(character);
  }

  void name() {
    size_t end = position_;
    while (end < text_.size() && (is_name_start(end) || is_decimal(character_at(text_, end))))
      end = next_character(text_, end);
    add(TokenKind::kName, std::string(text_.substr(position_, end - position_)));
    advance_to(end);
  }

  // Digits with single underscores between them, from `position` on; returns where they end.
  size_t skip_digits(size_t position) const {
    while (position < text_.size() &&
           (is_decimal_digit(text_[position]) ||
            (text_[position] == '_' && position + 1 < text_.size() && is_decimal_digit(text_[position + 1]))))
      ++position;
    return position;
  }

  Result<void> number() {
    const char letter = position_ + 1 < text_.size() ? static_cast<char>(text_[position_ + 1] | 0x20) : '\0';
    if (text_[position_] == '0' && (letter == 'x' || letter == 'o' || letter == 'b')) return prefixed_integer();
    size_t end = skip_digits(position_);
    bool is_float = false;
    const bool after_dot = position_ > 0 && text_[position_ - 1] == '.';  // "a.0.1" are two places, not a float
    if (!after_dot) {
      const auto digit_at = [&](size_t index) { return index < text_.size() && is_decimal_digit(text_[index]); };
      if (end < text_.size() && text_[end] == '.' && digit_at(end + 1)) {
        end = skip_digits(end + 1);
        is_float = true;
      }
      if (end < text_.size() && (text_[end] | 0x20) == 'e') {
        const size_t sign = end + 1 < text_.size() && (text_[end + 1] == '+' || text_[end + 1] == '-') ? 1 : 0;
        if (digit_at(end + 1 + sign)) {
          end = skip_digits(end + 1 + sign);
          is_float = true;
        }
      }
    }
    return add_number(end, is_float);
  }

  Result<void> prefixed_integer() {
    constexpr std::string_view kDigits = "0123456789abcdefABCDEF_";
    const size_t end = std::min(text_.find_first_not_of(kDigits, position_ + 2), text_.size());
    return add_number(end, false);
  }

  Result<void> add_number(size_t end, bool is_float) {
    const std::string_view digits = text_.substr(position_, end - position_);
    Token token{is_float ? TokenKind::kFloat : TokenKind::kInteger, line_, std::string(digits)};
    if (is_float) {
      token.number = parse_float(digits).value_or(0);
    } else {
      const auto integer = parse_int(digits, 0);
      if (!integer) return syntax_error(line_, "'{}' is not an integer of at most 38 digits", digits.substr(0, 60));
      token.integer = *integer;
    }
    tokens_.push_back(std::move(token));
    advance_to(end);
    return {};
  }

  Result<void> string(char quote) {
    size_t end = position_ + 1;
    while (end < text_.size() && text_[end] != quote) end += text_[end] == '\\' ? 2 : 1;
    if (end >= text_.size()) return syntax_error(line_, "the string is not closed; expected {}", quote);
    std::string value = TRY(unescape(text_.substr(position_ + 1, end - position_ - 1)));
    add(TokenKind::kString, std::move(value));
    advance_to(end + 1);
    return {};
  }

  Result<std::string> unescape(std::string_view literal) const {
    std::string value;
    for (size_t index = 0; index < literal.size();) {
      if (literal[index] != '\\' || index + 1 >= literal.size()) {
        value.push_back(literal[index++]);
        continue;
      }
      const char letter = literal[index + 1];
      index += 2;
      switch (letter) {
        case '\n': break;  // the line goes on
        case '\\':
        case '\'':
        case '"': value.push_back(letter); break;
        case 'a': value.push_back('\a'); break;
        case 'b': value.push_back('\b'); break;
        case 'f': value.push_back('\f'); break;
        case 'n': value.push_back('\n'); break;
        case 'r': value.push_back('\r'); break;
        case 't': value.push_back('\t'); break;
        case 'v': value.push_back('\v'); break;
        case 'x': TRY_VOID(append_code(value, literal, index, 2, 16)); break;
        case 'u': TRY_VOID(append_code(value, literal, index, 4, 16)); break;
        case 'U': TRY_VOID(append_code(value, literal, index, 8, 16)); break;
        case 'N': return syntax_error(line_, "'\\N' is not supported; write the character itself");
        default:
          if (letter >= '0' && letter <= '7') {
            size_t digits = 1;
            while (digits < 3 && index - 1 + digits < literal.size() && literal[index - 1 + digits] >= '0' &&
                   literal[index - 1 + digits] <= '7')
              ++digits;
            --index;
            TRY_VOID(append_code(value, literal, index, digits, 8));
          } else {  // Python keeps a backslash that escapes nothing
            value.push_back('\\');
            value.push_back(letter);
          }
      }
    }
    return value;
  }

  Result<void> append_code(std::string& value, std::string_view literal, size_t& index, size_t digits, int base) const {
    const std::string_view code = literal.substr(index, digits);
    const bool whole =
        code.size() == digits &&
        code.find_first_not_of(base == 8 ? "01234567" : "0123456789abcdefABCDEF") == std::string_view::npos;
    if (!whole)
      return syntax_error(line_, "an escape in a string needs {} hexadecimal digits, found '{}'", digits, code);
    const auto number = static_cast<uint32_t>(*parse_int(code, base));
    if (number > 0x10FFFF || (number >= 0xD800 && number < 0xE000))
      return syntax_error(line_, "an escape in a string names {}, which is no character", code);
    append_utf8(value, number);
    index += digits;
    return {};
  }

  Result<void> operation(std::vector<char>& open_brackets) {
    const auto* found = std::find_if(std::begin(kOperators), std::end(kOperators),
                                     [&](const OperatorToken& token) { return at(token.text); });
    if (found == std::end(kOperators))
      return syntax_error(line_, "unexpected character '{}'",
                          text_.substr(position_, next_character(text_, position_) - position_));
    const char character = found->text[0];
    if (character == '{') open_brackets.push_back('}');
    if (character == '(') open_brackets.push_back(')');
    if (character == '[') open_brackets.push_back(']');
    if (character == '}' || character == ')' || character == ']') {
      if (open_brackets.empty()) return syntax_error(line_, "unexpected '{}'", character);
      if (open_brackets.back() != character)
        return syntax_error(line_, "unexpected '{}', expected '{}'", character, open_brackets.back());
      open_brackets.pop_back();
    }
    add(found->kind);
    advance_to(position_ + found->text.size());
    return {};
  }

  std::string source_;
  std::string_view text_;
  size_t position_ = 0;
  int line_ = 1;
  bool line_start_ = true;  // the last thing read ended a line
  std::vector<Token> tokens_;
};

}  // namespace

std::string describe(TokenKind kind) {
  switch (kind) {
    case TokenKind::kEnd: return "the end of the template";
    case TokenKind::kData: return "text";
    case TokenKind::kBlockBegin: return "'{%'";
    case TokenKind::kBlockEnd: return "'%}'";
    case TokenKind::kVariableBegin: return "'{{'";
    case TokenKind::kVariableEnd: return "'}}'";
    case TokenKind::kName: return "a name";
    case TokenKind::kString: return "a string";
    case TokenKind::kInteger: return "an integer";
    case TokenKind::kFloat: return "a float";
    default: break;
  }
  for (const OperatorToken& token : kOperators)
    if (token.kind == kind) return fmt::format("'{}'", token.text);
  return "a token";
}

std::string describe(const Token& token) {
  return token.kind == TokenKind::kName ? fmt::format("'{}'", token.text) : describe(token.kind);
}

Result<std::vector<Token>> tokenize(std::string_view source) {
  if (source.size() > kLargestSource)
    return error(ErrorCode::kLimit, "it has {} bytes; templates may have {}", source.size(), kLargestSource);
  if (!is_valid_utf8(source)) return error(ErrorCode::kBadFile, "it is not UTF-8");
  return Lexer(normalise_lines(source)).run();
}

}  // namespace paddock::text::jinja
