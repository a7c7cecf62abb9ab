// SPDX-License-Identifier: Apache-2.0
#include "cli/token_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace paddock::cli {
namespace {

using Ids = std::vector<int32_t>;
using testing::HasSubstr;

TEST(TokenFile, BothForms) {
  EXPECT_EQ(*parse_token_ids("[0, 5, 2147483647]", "f"), (Ids{0, 5, 2147483647}));
  EXPECT_EQ(*parse_token_ids(R"({"name": "x", "tokens": [1, 2]})", "f"), (Ids{1, 2}));
  EXPECT_EQ(*parse_token_ids(R"({"ids": [7]})", "f"), (Ids{7}));
  EXPECT_EQ(*parse_token_ids(R"({"ids": [7], "tokens": [8]})", "f"), (Ids{8}));
  EXPECT_EQ(*parse_token_ids("[]", "f"), Ids{});
}

TEST(TokenFile, WrongOnesAreNamed) {
  for (const auto& [json, sentence] : {std::pair("[1, null]", "f: token 1: expected a whole number"),
                                       {"[1e3]", "found 1000.0"},
                                       {"[2147483648]", "found 2147483648"},
                                       {"[-2]", "found -2"},
                                       {"[[1]]", "found an array"},
                                       {"7", "expected an array of token ids, found 7"},
                                       {R"({"text": []})", "found no such key"},
                                       {"[1", "not valid JSON"}}) {
    const auto ids = parse_token_ids(json, "f");
    ASSERT_FALSE(ids) << json;
    EXPECT_EQ(ids.error().code, ErrorCode::kBadFile);
    EXPECT_THAT(ids.error().message, HasSubstr(sentence));
  }
}

TEST(TokenFile, Batches) {
  EXPECT_EQ(*parse_token_id_batch("[[1], [], [2, 3]]", "f"), (std::vector<Ids>{{1}, {}, {2, 3}}));
  EXPECT_FALSE(parse_token_id_batch("[1]", "f"));
  EXPECT_FALSE(parse_token_id_batch("{}", "f"));
}

TEST(TokenFile, Lists) {
  EXPECT_EQ(*parse_listed_ids(" 1, 2\n3\t4,,5 ", "f"), (Ids{1, 2, 3, 4, 5}));
  EXPECT_EQ(*parse_listed_ids("", "f"), Ids{});
  for (const char* text : {"1 two", "-1", "1.5", "99999999999", "1;2"}) EXPECT_FALSE(parse_listed_ids(text, "f"));
}

}  // namespace
}  // namespace paddock::cli
