// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/string_ops.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <unordered_set>

#include "text/jinja/print.h"

namespace paddock::text::jinja {
namespace {

// A set of characters to strip: white space, or those of a text.
class StripSet {
 public:
  explicit StripSet(const Text* characters) : white_space_(characters == nullptr) {
    if (!characters) return;
    const std::string& bytes = characters->bytes();
    for (size_t offset = 0; offset < bytes.size(); offset = next_character(bytes, offset))
      characters_.insert(character_at(bytes, offset));
  }

  bool contains(char32_t character) const {
    return white_space_ ? is_space(character) : characters_.contains(character);
  }

 private:
  bool white_space_;
  std::unordered_set<char32_t> characters_;
};

// Appends the mapping of each character; `target_at` tells which, by its offset.
template <typename TargetAt>
void append_cased(TextBuilder& out, const Text& text, const TargetAt& target_at) {
  const std::string& bytes = text.bytes();
  std::string mapped;
  bool mapped_from_template = false;  // of all of `mapped`, which is written out where the provenance changes
  for (size_t offset = 0; offset < bytes.size(); offset = next_character(bytes, offset)) {
    const bool from_template = text.from_template_at(offset);
    if (from_template != mapped_from_template) {
      out.append(mapped, mapped_from_template);
      mapped.clear();
      mapped_from_template = from_template;
    }
    append_mapped(mapped, bytes, offset, target_at(offset));
  }
  out.append(mapped, mapped_from_template);
}

}  // namespace

Result<Value> strip(const Value& string, const Text* characters, Side side, Budget& budget) {
  const std::string& bytes = string.text()->bytes();
  TRY_VOID(budget.scan(bytes.size() + (characters ? characters->size() : 0)));
  const StripSet set(characters);
  size_t begin = 0;
  size_t end = bytes.size();
  if (side != Side::kRight)
    while (begin < end && set.contains(character_at(bytes, begin))) begin = next_character(bytes, begin);
  while (side != Side::kLeft && end > begin) {
    const size_t last = previous_character(bytes, end);
    if (!set.contains(character_at(bytes, last))) break;
    end = last;
  }
  return make_slice(string, begin, end, budget);
}

Result<Value> replace(const Text& text, const Text& old, const Text& fresh, int64_t count, Budget& budget) {
  const std::string& bytes = text.bytes();
  TRY_VOID(budget.scan(bytes.size()));
  TextBuilder out(budget);
  size_t begin = 0;
  for (int64_t done = 0; count < 0 || done < count; ++done) {
    // An empty text is found before each character, hence at the begin only once.
    const size_t from =
        old.empty() && done > 0 ? (begin < bytes.size() ? next_character(bytes, begin) : bytes.size() + 1) : begin;
    const size_t found = find_first(bytes, old.bytes(), from, bytes.size());
    if (found == std::string_view::npos) break;
    out.append(text, begin, found);
    out.append(fresh);
    TRY_VOID(out.check());
    begin = found + old.size();
  }
  out.append(text, begin, bytes.size());
  return out.finish();
}

Result<Value> map_case(const Text& text, Case target, Budget& budget) {
  TextBuilder out(budget);
  TRY_VOID(budget.scan(4 * text.size()));
  bool in_word = false;  // str.title(): a character after a cased one is lowered
  append_cased(out, text, [&](size_t offset) {
    if (target != Case::kTitle) return target;
    const bool cased = is_cased(character_at(text.bytes(), offset));
    return std::exchange(in_word, cased) ? Case::kLower : Case::kTitle;
  });
  return out.finish();
}

Result<Value> capitalize(const Text& text, Budget& budget) {
  TextBuilder out(budget);
  TRY_VOID(budget.scan(4 * text.size()));
  append_cased(out, text, [](size_t offset) { return offset == 0 ? Case::kTitle : Case::kLower; });
  return out.finish();
}

Result<Value> join(const Text& separator, const std::vector<Value>& items, Budget& budget) {
  TextBuilder out(budget);
  for (size_t index = 0; index < items.size(); ++index) {
    if (index > 0) out.append(separator);
    TRY_VOID(append_str(out, items[index]));
  }
  return out.finish();
}

Result<Value> repeat(const Text& text, int64_t count, Budget& budget) {
  if (text.empty() || count <= 0) return make_string(Text());
  uint64_t bytes = 0;
  const bool fits = !__builtin_mul_overflow(text.size(), static_cast<uint64_t>(count), &bytes);
  TRY_VOID(budget.build(fits ? bytes : std::numeric_limits<uint64_t>::max()));
  Text repeated;
  for (int64_t index = 0; index < count; ++index) repeated.append(text);
  return make_string(std::move(repeated));
}

Result<Value> concatenate(const Value& left, const Value& right, Budget& budget) {
  const String& first = **left.as<StringPtr>();
  const String& second = **right.as<StringPtr>();
  const bool is_markup = first.is_markup || second.is_markup;
  TextBuilder out(budget);
  for (const String* part : {&first, &second}) {
    if (is_markup && !part->is_markup)
      out.append(*TRY(escape_html(part->text, budget)).text());
    else
      out.append(part->text);
  }
  return out.finish(is_markup);
}

Result<std::vector<Value>> split_lines(const Value& string, bool keep_ends, Budget& budget) {
  const std::string& bytes = string.text()->bytes();
  TRY_VOID(budget.scan(bytes.size()));
  std::vector<Value> lines;
  for (size_t begin = 0; begin < bytes.size();) {
    size_t end = begin;
    while (end < bytes.size() && !is_line_break(character_at(bytes, end))) end = next_character(bytes, end);
    size_t next = end < bytes.size() ? next_character(bytes, end) : end;
    if (bytes.compare(end, 2, "\r\n") == 0) next = end + 2;
    TRY_VOID(budget.build(sizeof(Value)));
    lines.push_back(TRY(make_slice(string, begin, keep_ends ? next : end, budget)));
    begin = next;
  }
  return lines;
}

Result<Value> pad(const Text& text, int64_t width, const Text& fill, Side text_side, Budget& budget) {
  const int64_t missing = std::max<int64_t>(width - static_cast<int64_t>(count_characters(text.bytes())), 0);
  // Python's center() puts the odd one on the left when the width is odd.
  const int64_t centred = missing / 2 + (missing & width & 1);
  const int64_t before = text_side == Side::kLeft ? 0 : text_side == Side::kRight ? missing : centred;
  TextBuilder out(budget);
  out.append(*TRY(repeat(fill, before, budget)).text());
  out.append(text);
  out.append(*TRY(repeat(fill, missing - before, budget)).text());
  return out.finish();
}

Result<Value> escape_html(const Text& text, Budget& budget) {
  TextBuilder out(budget);
  size_t plain_begin = 0;
  const std::string& bytes = text.bytes();
  for (size_t offset = bytes.find_first_of("&<>'\""); offset != std::string::npos;
       offset = bytes.find_first_of("&<>'\"", offset + 1)) {
    const char character = bytes[offset];
    const char* entity = character == '&'    ? "&amp;"
                         : character == '<'  ? "&lt;"
                         : character == '>'  ? "&gt;"
                         : character == '\'' ? "&#39;"
                                             : "&#34;";
    out.append(text, plain_begin, offset);
    out.append(entity, text.from_template_at(offset));
    plain_begin = offset + 1;
  }
  out.append(text, plain_begin, bytes.size());
  return out.finish(true);
}

}  // namespace paddock::text::jinja
