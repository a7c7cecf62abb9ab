// SPDX-License-Identifier: Apache-2.0
#include "base/toml.h"

#include <algorithm>
#include <string_view>

#include "base/utf8.h"

namespace paddock {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

// The library asks of characters whether they are spaces, in a way that is undefined for many that are not ASCII. So it
// sees none: where they mean something, in "quotes", they become escapes, and in comments question marks.
class AsciiWriter {
 public:
  AsciiWriter(std::string_view text, const std::string& source) : text_(text), source_(source) {}

  Result<std::string> write() {
    if (text_.starts_with(kByteOrderMark)) at_ = kByteOrderMark.size();
    while (at_ < text_.size()) {
      if (is_wide()) return wrong("characters of ASCII outside of quotes and comments");
      if (text_[at_] == '#')
        comment();
      else if (text_[at_] == '"' || text_[at_] == '\'')
        TRY_VOID(quotes());
      else
        ascii_ += text_[at_++];
    }
    return std::move(ascii_);
  }

 private:
  bool is_wide() const { return static_cast<unsigned char>(text_[at_]) >= 0x80; }

  tl::unexpected<Error> wrong(const char* expected) const {
    return error(ErrorCode::kBadFile, "{}: line {}: expected {}", source_,
                 1 + std::count(text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(at_), '\n'), expected);
  }

  void comment() {
    for (; at_ < text_.size() && text_[at_] != '\n'; ++at_) ascii_ += is_wide() ? '?' : text_[at_];
  }

  // Quotes that do not end reach to the line's end, or the text's where there are three.
  Result<void> quotes() {
    const char quote = text_[at_];
    const std::string three(3, quote);
    const bool is_long = text_.substr(at_, 3) == three;
    const size_t marks = is_long ? 3 : 1;
    take(marks);
    while (at_ < text_.size()) {
      if (is_wide()) {
        TRY_VOID(escape(quote));
        continue;
      }
      const bool ends = is_long ? text_.substr(at_, 3) == three : text_[at_] == quote || text_[at_] == '\n';
      if (ends) {
        take(marks);
        return {};
      }
      const bool is_pair = text_[at_] == '\\' && quote == '"' && at_ + 1 < text_.size();
      take(1);
      if (is_pair && is_wide()) return wrong("an escape of TOML");
      if (is_pair) take(1);
    }
    return {};
  }

  void take(size_t count) {
    ascii_ += text_.substr(at_, count);
    at_ += count;
  }

  Result<void> escape(char quote) {
    const Utf8Character character = decode_utf8(text_.substr(at_));
    if (!character.valid) return wrong("UTF-8");
    if (quote != '"') return wrong("texts beyond ASCII in \"double quotes\"");
    ascii_ += fmt::format("\\U{:08x}", static_cast<uint32_t>(character.code_point));
    at_ += character.length;
    return {};
  }

  std::string_view text_;
  const std::string& source_;
  size_t at_ = 0;
  std::string ascii_;
};

}  // namespace

Result<toml::table> parse_toml(const std::string& text, const std::string& source) {
  const std::string ascii = TRY(AsciiWriter(text, source).write());
  try {
    return toml::parse(ascii);
  } catch (const toml::parse_error& problem) {
    return error(ErrorCode::kBadFile, "{}: line {}: {}", source, problem.source().begin.line, problem.description());
  }
}

std::string toml_text(const std::string& text) {
  std::string quoted = "\"";
  for (const char letter : text) {
    if (letter == '"' || letter == '\\')
      quoted += std::string("\\") + letter;
    else if (letter == '\n')
      quoted += "\\n";
    else if (static_cast<unsigned char>(letter) < 0x20 || letter == 0x7f)
      quoted += fmt::format("\\u{:04x}", static_cast<unsigned char>(letter));
    else
      quoted += letter;
  }
  return quoted + "\"";
}

}  // namespace paddock
