// SPDX-License-Identifier: Apache-2.0
#include "text/unicode_classes.h"

#include <gtest/gtest.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/utf8.h"
#include "text/test_data.h"

namespace paddock::text {
namespace {

TEST(UnicodeClasses, TableEqualsRanges) {
  const UnicodeClasses& classes = UnicodeClasses::instance();
  const auto ranges = unicode_ranges();
  char32_t expected_first = 0;
  for (const UnicodeRange& range : ranges) {
    ASSERT_LE(expected_first, range.first);
    ASSERT_LE(range.first, range.last);
    for (char32_t between = expected_first; between < range.first; ++between) ASSERT_EQ(classes.of(between), kSymbol);
    for (char32_t member = range.first; member <= range.last; ++member) ASSERT_EQ(classes.of(member), range.char_class);
    expected_first = range.last + 1;
  }
  EXPECT_EQ(classes.of(0x10FFFF), kSymbol);
}

TEST(UnicodeClasses, TextIsReadByCharacters) {
  const ClassifiedText text("aÉ中\U0001F600\n");
  const CharClass expected[] = {kLower, kUpper, kCaseless, kSymbol, kNewline};
  size_t position = 0;
  for (const CharClass char_class : expected) {
    EXPECT_EQ(text.at(position).classes, char_class);
    position += text.at(position).length;
  }
  EXPECT_EQ(position, text.size());
  EXPECT_EQ(text.at(position).length, 0);
}

void mark(const Json& ranges, uint8_t bit, std::vector<uint8_t>& classes) {
  for (const Json& range : ranges) {
    const auto text = range.get<std::string>();
    const size_t dash = std::min(text.find('-'), text.size());
    unsigned first = 0;
    std::from_chars(text.data(), text.data() + dash, first, 16);
    unsigned last = first;
    if (dash < text.size()) std::from_chars(text.data() + dash + 1, text.data() + text.size(), last, 16);
    for (unsigned member = first; member <= last; ++member) classes[member] = bit;
  }
}

TEST(UnicodeClasses, EqualTheReferenceForEveryCodePoint) {
  SKIP_WITHOUT_REFERENCE("tokenizer/unicode_classes.json");
  const Json reference =
      parse_json(read_test_file(reference_data("tokenizer/unicode_classes.json")), "reference").value();
  std::vector<uint8_t> expected(0x110000, kSymbol);
  const std::pair<const char*, CharClass> names[] = {{"Lu", kUpper},    {"Lt", kUpper},    {"Ll", kLower},
                                                     {"Lm", kCaseless}, {"Lo", kCaseless}, {"M", kMark},
                                                     {"N", kNumber},    {"s", kBlank}};
  for (const auto& [name, bit] : names) mark(reference["classes"][name], bit, expected);
  expected['\r'] = expected['\n'] = kNewline;
  const UnicodeClasses& classes = UnicodeClasses::instance();
  for (char32_t code_point = 0; code_point < 0x110000; ++code_point)
    ASSERT_EQ(classes.of(code_point), expected[code_point]) << static_cast<uint32_t>(code_point);
}

}  // namespace
}  // namespace paddock::text
