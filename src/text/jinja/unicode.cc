// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/unicode.h"

#include <algorithm>

#include "base/utf8.h"
#include "text/jinja/unicode_tables.h"
#include "text/unicode_classes.h"

namespace paddock::text::jinja {
namespace {

// Whether the character lies in a range of the table. The last ranges that start at or before it decide; a range with
// stride 2 may enclose one that starts later, so that a few steps back are needed.
template <typename Range>
const Range* find_range(const Range* table, size_t count, char32_t character) {
  const Range* after = std::upper_bound(table, table + count, character,
                                        [](char32_t value, const Range& range) { return value < range.first; });
  constexpr int kEnclosing = 8;
  for (int step = 0; step < kEnclosing && after != table; ++step) {
    --after;
    if (character <= after->last && (character - after->first) % after->stride == 0) return after;
  }
  return nullptr;
}

const CaseSpecial* find_special(const CaseSpecial* table, size_t count, char32_t character) {
  const CaseSpecial* found = std::lower_bound(
      table, table + count, character, [](const CaseSpecial& row, char32_t value) { return row.character < value; });
  return found != table + count && found->character == character ? found : nullptr;
}

struct CaseTables {
  const CaseRange* ranges;
  size_t range_count;
  const CaseSpecial* specials;
  size_t special_count;
};

CaseTables tables_of(Case target) {
  switch (target) {
    case Case::kUpper: return {kToUpper, kToUpperCount, kToUpperSpecial, kToUpperSpecialCount};
    case Case::kLower: return {kToLower, kToLowerCount, kToLowerSpecial, kToLowerSpecialCount};
    case Case::kTitle: break;
  }
  return {kToTitle, kToTitleCount, kToTitleSpecial, kToTitleSpecialCount};
}

bool is_case_ignorable(char32_t character) {
  return find_range(kCaseIgnorable, kCaseIgnorableCount, character) != nullptr;
}

// A sigma is final when a cased character stands before it and none after it, case-ignorable ones skipped.
bool is_final_sigma(std::string_view text, size_t offset) {
  size_t before = offset;
  char32_t neighbour = 0;
  do {
    if (before == 0) return false;
    before = previous_character(text, before);
    neighbour = character_at(text, before);
  } while (is_case_ignorable(neighbour));
  if (!is_cased(neighbour)) return false;
  for (size_t after = next_character(text, offset); after < text.size(); after = next_character(text, after)) {
    neighbour = character_at(text, after);
    if (!is_case_ignorable(neighbour)) return !is_cased(neighbour);
  }
  return true;
}

}  // namespace

bool is_space(char32_t character) {
  if (character < 0x80) return (character >= 9 && character <= 13) || (character >= 0x1C && character <= 0x20);
  return character == 0x85 || character == 0xA0 || character == 0x1680 ||
         (character >= 0x2000 && character <= 0x200A) || character == 0x2028 || character == 0x2029 ||
         character == 0x202F || character == 0x205F || character == 0x3000;
}

bool is_line_break(char32_t character) {
  return (character >= 0x0A && character <= 0x0D) || (character >= 0x1C && character <= 0x1E) || character == 0x85 ||
         character == 0x2028 || character == 0x2029;
}

bool is_alphabetic(char32_t character) {
  return (UnicodeClasses::instance().of(character) & (kUpper | kLower | kCaseless)) != 0;
}
bool is_decimal(char32_t character) { return find_range(kDecimal, kDecimalCount, character) != nullptr; }
bool is_digit(char32_t character) { return find_range(kDigit, kDigitCount, character) != nullptr; }
bool is_numeric(char32_t character) { return find_range(kNumeric, kNumericCount, character) != nullptr; }
bool is_printable(char32_t character) { return find_range(kPrintable, kPrintableCount, character) != nullptr; }
bool is_lowercase(char32_t character) { return find_range(kLowercase, kLowercaseCount, character) != nullptr; }
bool is_uppercase(char32_t character) { return find_range(kUppercase, kUppercaseCount, character) != nullptr; }
bool is_titlecase(char32_t character) { return find_range(kTitlecase, kTitlecaseCount, character) != nullptr; }

void append_mapped(std::string& mapped, std::string_view text, size_t offset, Case target) {
  constexpr char32_t kSigma = 0x3A3;
  constexpr char32_t kFinalSigma = 0x3C2;
  const char32_t character = character_at(text, offset);
  if (character < 0x80) {
    const bool lower = character >= 'a' && character <= 'z';
    const bool upper = character >= 'A' && character <= 'Z';
    const bool change = target == Case::kLower ? upper : lower;
    mapped.push_back(static_cast<char>(change ? character ^ 0x20 : character));
    return;
  }
  if (target == Case::kLower && character == kSigma && is_final_sigma(text, offset)) {
    append_utf8(mapped, kFinalSigma);
    return;
  }
  const CaseTables tables = tables_of(target);
  if (const CaseSpecial* special = find_special(tables.specials, tables.special_count, character)) {
    for (const uint32_t part : special->mapped)
      if (part != 0) append_utf8(mapped, part);
    return;
  }
  const CaseRange* range = find_range(tables.ranges, tables.range_count, character);
  append_utf8(mapped, range ? static_cast<char32_t>(static_cast<int64_t>(character) + range->shift) : character);
}

size_t count_characters(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), is_character_start));
}

size_t offset_of_character(std::string_view text, size_t index) {
  size_t offset = 0;
  for (; index > 0; --index) offset = next_character(text, offset);
  return offset;
}

char32_t character_at(std::string_view text, size_t offset) { return decode_utf8(text.substr(offset)).code_point; }

size_t next_character(std::string_view text, size_t offset) {
  do ++offset;
  while (offset < text.size() && !is_character_start(text[offset]));
  return offset;
}

size_t previous_character(std::string_view text, size_t offset) {
  do --offset;
  while (offset > 0 && !is_character_start(text[offset]));
  return offset;
}

}  // namespace paddock::text::jinja
