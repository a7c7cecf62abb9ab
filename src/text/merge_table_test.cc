// SPDX-License-Identifier: Apache-2.0
#include "text/merge_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

namespace paddock::text {
namespace {

// The definition: again and again the lowest rank, of equal ones the leftmost.
std::vector<TokenId> apply_by_definition(const std::vector<Merge>& merges, std::vector<TokenId> tokens) {
  std::map<std::pair<TokenId, TokenId>, Merge> by_pair;
  for (const Merge& merge : merges) by_pair[{merge.left, merge.right}] = merge;
  for (;;) {
    const Merge* best = nullptr;
    size_t place = 0;
    for (size_t left = 0; left + 1 < tokens.size(); ++left) {
      const auto found = by_pair.find({tokens[left], tokens[left + 1]});
      if (found == by_pair.end() || (best != nullptr && found->second.rank >= best->rank)) continue;
      best = &found->second;
      place = left;
    }
    if (best == nullptr) return tokens;
    tokens[place] = best->result;
    tokens.erase(tokens.begin() + static_cast<ptrdiff_t>(place) + 1);
  }
}

TEST(MergeTable, MergesAsDefinedAtEveryLength) {
  std::mt19937 random(3);
  for (int vocabulary = 0; vocabulary < 8; ++vocabulary) {
    std::vector<Merge> merges;
    // Few letters and equal ranks, so that merges overlap and compete.
    for (TokenId place = 0; place < 36; ++place) {
      const TokenId result = 4 + place * 7 % 36;
      for (int ways = 0; ways < 3; ++ways)
        merges.push_back({static_cast<TokenId>(random() % result), static_cast<TokenId>(random() % result), result,
                          static_cast<uint32_t>(place * 10)});
    }
    const MergeTable table(merges);
    for (size_t length = 0; length < 200; ++length) {
      std::vector<TokenId> tokens(length);
      for (TokenId& token : tokens) token = static_cast<TokenId>(random() % 4);
      const std::vector<TokenId> expected = apply_by_definition(merges, tokens);
      tokens.resize(table.apply(tokens));
      ASSERT_EQ(tokens, expected) << "length " << length;
    }
  }
}

TEST(MergeTable, LastMergeOfAPairCounts) {
  const MergeTable table({{1, 2, 3, 0}, {1, 2, 4, 1}});
  std::vector<TokenId> tokens = {1, 2};
  tokens.resize(table.apply(tokens));
  EXPECT_EQ(tokens, (std::vector<TokenId>{4}));
}

TEST(MergeTable, RanksImplyEveryWayToMakeAToken) {
  TokenTable tokens;
  const char* texts[] = {"a", "b", "aa", "aab", "ab", "zz"};
  for (TokenId id = 0; id < 6; ++id) ASSERT_TRUE(tokens.add(id, texts[id], true));
  const std::vector<Merge> merges = merges_of_ranks(tokens).value();
  const auto has = [&](TokenId left, TokenId right, TokenId result) {
    return std::any_of(merges.begin(), merges.end(), [&](const Merge& merge) {
      return merge.left == left && merge.right == right && merge.result == result &&
             merge.rank == static_cast<uint32_t>(result);
    });
  };
  EXPECT_EQ(merges.size(), 4u);
  EXPECT_TRUE(has(0, 0, 2));
  EXPECT_TRUE(has(0, 4, 3));
  EXPECT_TRUE(has(2, 1, 3));
  EXPECT_TRUE(has(0, 1, 4));
}

TEST(MergeTable, TokensInsideTokensAreBounded) {
  TokenTable tokens;
  for (char letter = 'a'; letter < 'k'; ++letter)
    for (size_t length = 1; length <= 1000; ++length)
      ASSERT_TRUE(tokens.add(tokens.size(), std::string(length, letter), true));
  const auto merges = merges_of_ranks(tokens);
  ASSERT_FALSE(merges);
  EXPECT_EQ(merges.error().code, ErrorCode::kLimit);
}

}  // namespace
}  // namespace paddock::text
