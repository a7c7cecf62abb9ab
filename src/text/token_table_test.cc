// SPDX-License-Identifier: Apache-2.0
#include "text/token_table.h"

#include <gtest/gtest.h>

#include <random>
#include <unordered_map>

namespace paddock::text {
namespace {

TEST(TokenTable, FindsEveryTokenAndNothingElse) {
  std::mt19937 random(5);
  TokenTable table;
  std::unordered_map<std::string, TokenId> expected;
  for (TokenId id = 0; id < 20000; ++id) {
    std::string bytes(random() % 14 + 1, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random() % 3);  // NUL too; many common prefixes
    if (!expected.emplace(bytes, id).second) continue;
    ASSERT_TRUE(table.add(id, bytes, true));
  }
  for (const auto& [bytes, id] : expected) {
    EXPECT_EQ(table.find(bytes), id);
    EXPECT_EQ(table.bytes(id), bytes);
    for (const std::string& other : {bytes + '\0', bytes.substr(1), bytes + "x"}) {
      const auto found = expected.find(other);
      EXPECT_EQ(table.find(other), found == expected.end() ? kNoToken : found->second);
    }
  }
}

TEST(TokenTable, RefusesWhatCannotBe) {
  TokenTable table;
  ASSERT_TRUE(table.add(3, "abc", true));
  EXPECT_FALSE(table.add(-1, "x", true));
  EXPECT_FALSE(table.add(kMaxTokenId + 1, "x", true));
  EXPECT_FALSE(table.add(1, "", true));
  EXPECT_FALSE(table.add(1, std::string(kMaxTokenBytes + 1, 'x'), true));
  EXPECT_NE(table.add(3, "x", true).error().message.find("id 3"), std::string::npos);
  EXPECT_NE(table.add(4, "abc", true).error().message.find("\"abc\""), std::string::npos);
}

TEST(TokenTable, HiddenTokensKeepTheirBytes) {
  TokenTable table;
  ASSERT_TRUE(table.add(7, "long enough to hash", true));
  ASSERT_TRUE(table.add(2, "ab", false));
  table.hide(7);
  table.hide(2);
  table.hide(100);
  EXPECT_EQ(table.find("long enough to hash"), kNoToken);
  EXPECT_EQ(table.find("ab"), kNoToken);
  EXPECT_EQ(table.bytes(7), "long enough to hash");
  EXPECT_EQ(table.size(), 8);
  EXPECT_EQ(table.bytes(-5), "");
  EXPECT_EQ(table.bytes(8), "");
}

}  // namespace
}  // namespace paddock::text
