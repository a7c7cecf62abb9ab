// SPDX-License-Identifier: Apache-2.0
#include "cache/page_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cache/test_pages.h"

namespace paddock::cache {
namespace {

using testing::HasSubstr;

PageHead head_of_three() {
  return {
      sha256("a model"), text_digest(sha256("a model"), std::vector<int32_t>{1, 2, 3, 4}), kLocal, {7, -1, 70000}, 64};
}

Result<std::vector<std::byte>> page_in(std::span<const std::byte> file) {
  const PageHead head = TRY(parse_head(file, "x.local"));
  const auto page = TRY(page_of(file, head, "x.local"));
  return std::vector<std::byte>(page.begin(), page.end());
}

TEST(PageFile, ComesBackAsItWas) {
  const PageHead head = head_of_three();
  const std::vector<std::byte> page = some_bytes(64, 1), file = whole_file(head, page);
  EXPECT_EQ(file.size(), file_bytes(head));
  const auto back = parse_head(file, "x.local");
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->model, head.model);
  EXPECT_EQ(back->before, head.before);
  EXPECT_EQ(back->group, kLocal);
  EXPECT_EQ(back->tokens, head.tokens);
  EXPECT_EQ(back->page_bytes, 64u);
  EXPECT_EQ(back->text(), head.text());
  EXPECT_EQ(page_in(file).value(), page);
  // The head alone is enough to know what it is.
  const auto early = parse_head(std::span(file).first(head_bytes(3)), "x.local");
  ASSERT_TRUE(early);
  EXPECT_EQ(early->tokens, head.tokens);
}

TEST(PageFile, EveryOtherByteIsNoticed) {
  const std::vector<std::byte> file = whole_file(head_of_three(), some_bytes(64, 2));
  for (size_t place = 0; place < file.size(); ++place)
    for (const int bit : {0, 3, 7}) {
      std::vector<std::byte> damaged = file;
      damaged[place] ^= static_cast<std::byte>(1 << bit);
      EXPECT_FALSE(page_in(damaged)) << place;
    }
}

TEST(PageFile, APieceOfItIsNone) {
  std::vector<std::byte> file = whole_file(head_of_three(), some_bytes(64, 3));
  for (size_t length = 0; length < file.size(); ++length)
    EXPECT_FALSE(page_in(std::span(file).first(length))) << length;
  file.push_back({});
  EXPECT_FALSE(page_in(file));
}

TEST(PageFile, AnotherVersionIsToldByName) {
  std::vector<std::byte> file = whole_file(head_of_three(), some_bytes(64, 4));
  file[8] = std::byte{2};
  const auto newer = parse_head(file, "x.local");
  ASSERT_FALSE(newer);
  EXPECT_EQ(newer.error().code, ErrorCode::kUnsupported);
  EXPECT_THAT(newer.error().message, HasSubstr("x.local: expected a page of version 1, found version 2"));
}

TEST(TextDigest, DependsOnAllTokensInOrder) {
  const Digest root = sha256("a model");
  const std::vector<int32_t> one = {1, 2}, other = {2, 1};
  EXPECT_NE(text_digest(root, one), text_digest(root, other));
  EXPECT_NE(text_digest(text_digest(root, one), other), text_digest(text_digest(root, other), other));
  EXPECT_NE(text_digest(root, one), text_digest(sha256("another"), one));
}

}  // namespace
}  // namespace paddock::cache
