// SPDX-License-Identifier: Apache-2.0
#include "text/added_tokens.h"

#include <gtest/gtest.h>

namespace paddock::text {
namespace {

// "begin-end:id" of each match.
std::vector<std::string> matches(const AddedTokens& tokens, std::string_view text,
                                 const std::vector<TextRange>& trusted) {
  std::vector<std::string> found;
  for (const auto& [range, token] : tokens.matches(text, trusted))
    found.push_back(std::to_string(range.begin) + "-" + std::to_string(range.end) + ":" + std::to_string(token->id));
  return found;
}

using Found = std::vector<std::string>;

TEST(AddedTokens, LeftmostThenLongest) {
  const AddedTokens tokens(
      {{.id = 1, .text = "ab"}, {.id = 2, .text = "abc"}, {.id = 3, .text = "bcd"}, {.id = 4, .text = "abcde"}});
  EXPECT_EQ(matches(tokens, "abcdab", {{0, 6}}), (Found{"0-3:2", "4-6:1"}));
  EXPECT_EQ(matches(tokens, "xabcdexbcd", {{0, 10}}), (Found{"1-6:4", "7-10:3"}));
  EXPECT_EQ(matches(tokens, "a", {{0, 1}}), Found{});
}

TEST(AddedTokens, SpecialOnesNeedTrust) {
  const AddedTokens tokens(
      {{.id = 1, .text = "ab"}, {.id = 2, .text = "abc"}, {.id = 3, .text = "c", .special = false}});
  EXPECT_EQ(matches(tokens, "abc", {}), (Found{"2-3:3"}));
  EXPECT_EQ(matches(tokens, "abc", {{0, 2}}), (Found{"0-2:1", "2-3:3"}));  // the longer one reaches out of the range
  EXPECT_EQ(matches(tokens, "abc", {{1, 3}}), (Found{"2-3:3"}));
  EXPECT_EQ(matches(tokens, "ab ab ab", {{0, 2}, {4, 8}}), (Found{"0-2:1", "6-8:1"}));
}

TEST(AddedTokens, PartsOfCharactersAreNotFound) {
  const AddedTokens tokens({{.id = 1, .text = "\xBD", .special = false}, {.id = 2, .text = "", .special = false}});
  EXPECT_EQ(matches(tokens, "\u00BD", {{0, 2}}), Found{});
}

TEST(AddedTokens, WhitespaceAndOrder) {
  const AddedTokens tokens({{.id = 1, .text = "x", .takes_space_left = true, .takes_space_right = true},
                            {.id = 2, .text = "y", .special = false, .after_others = true}});
  EXPECT_EQ(matches(tokens, " \u2003x \n x y", {{0, 12}}), (Found{"0-8:1", "8-10:1", "10-11:2"}));
  EXPECT_EQ(tokens.find("x")->id, 1);
  EXPECT_EQ(tokens.find(""), nullptr);
}

}  // namespace
}  // namespace paddock::text
