// SPDX-License-Identifier: Apache-2.0
#include "cache/page_index.h"

#include <gtest/gtest.h>

namespace paddock::cache {
namespace {

using Tokens = std::vector<int32_t>;

TEST(PageIndex, FindsTheTextThatSharesMost) {
  PageIndex index;
  const Digest root = sha256("root"), other = sha256("other");
  index.add({root, {1, 2, 3, 4}, kGlobal}, 10, 1);
  index.add({root, {1, 2, 3, 4}, kLocal}, 10, 2);
  index.add({root, {1, 2, 9}, kGlobal}, 10, 3);
  index.add({root, {1, 5, 5, 5}, kGlobal}, 10, 4);
  const auto found = index.find(root, Tokens{1, 2, 3, 7});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->tokens, (Tokens{1, 2, 3, 4}));
  EXPECT_EQ(found->shared, 3);
  EXPECT_TRUE(found->stored[kGlobal] && found->stored[kLocal]);
  EXPECT_EQ(index.find(root, Tokens{1, 2, 9, 9})->tokens, (Tokens{1, 2, 9}));
  EXPECT_FALSE(index.find(root, Tokens{1, 2, 9, 9})->stored[kLocal]);
  EXPECT_EQ(index.find(root, Tokens{1, 5})->shared, 2);
  EXPECT_FALSE(index.find(root, Tokens{2}));
  EXPECT_FALSE(index.find(other, Tokens{1, 2, 3, 4}));
}

TEST(PageIndex, KnowsWhatServedLeastRecently) {
  PageIndex index;
  const Digest root = sha256("root");
  const PageName first{root, {1}, kGlobal}, second{root, {2}, kGlobal}, third{root, {2}, kLocal};
  index.add(first, 10, 1);
  index.add(second, 20, 2);
  index.add(third, 30, 3);
  EXPECT_EQ(index.bytes(), 60u);
  EXPECT_EQ(index.pages(), 3);
  EXPECT_EQ(index.least_recent()->tokens, first.tokens);
  index.use(first, 4);
  EXPECT_EQ(index.least_recent()->tokens, second.tokens);
  index.use({root, {3}, kGlobal}, 5);  // nothing happens
  index.remove(second);
  EXPECT_FALSE(index.has(second));
  EXPECT_TRUE(index.has(third));
  EXPECT_EQ(index.least_recent()->group, kLocal);
  index.remove(third);
  index.remove(first);
  EXPECT_EQ(index.bytes(), 0u);
  EXPECT_FALSE(index.least_recent());
}

TEST(PageIndex, ATextIsContinuedByALongerOne) {
  PageIndex index;
  const Digest root = sha256("root");
  for (const Tokens& tokens : {Tokens{1}, Tokens{1, 2}, Tokens{1, 2, 4}, Tokens{1, 2, 3}, Tokens{0, 9}})
    index.add({root, tokens, kGlobal}, 10, 1);
  std::vector<Tokens> continued;
  for (const PageName& page : index.continued_by(root, Tokens{1, 2, 3})) continued.push_back(page.tokens);
  EXPECT_EQ(continued, (std::vector<Tokens>{{1, 2}, {1}}));
}

}  // namespace
}  // namespace paddock::cache
