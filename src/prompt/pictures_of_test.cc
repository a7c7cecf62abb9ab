// SPDX-License-Identifier: Apache-2.0
#include "prompt/pictures_of.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/utf8.h"

namespace paddock::prompt {
namespace {

TEST(PicturesOf, TellsThemInOrderWithTheirDetail) {
  const Json conversation = Json::parse(R"({"messages": [
    {"role": "system", "content": "see"},
    {"role": "user", "content": [
      {"type": "image_url", "image_url": {"url": "data:a", "detail": "low"}},
      {"type": "text", "text": "and"},
      {"type": "image_url", "image_url": "data:b"}]},
    {"role": "assistant", "content": null},
    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:c", "detail": "high"}}]}]})");
  const auto sources = pictures_of(conversation);
  ASSERT_EQ(sources.size(), 3u);
  EXPECT_EQ(sources[0].path, "messages[1].content[0]");
  EXPECT_EQ(sources[0].url, "data:a");
  EXPECT_EQ(sources[0].detail, Detail::kGlobal);
  EXPECT_EQ(sources[1].path, "messages[1].content[2]");
  EXPECT_EQ(sources[1].detail, Detail::kTiles);
  EXPECT_EQ(sources[2].path, "messages[3].content[0]");
  EXPECT_EQ(pictures_of(conversation["messages"]).size(), 3u);
}

TEST(PicturesOf, WhatIsNoConversationHasNone) {
  for (const char* text : {"null", "{}", "[]", R"({"messages": 3})", R"({"messages": [3, {"content": 4}]})"})
    EXPECT_TRUE(pictures_of(Json::parse(text)).empty()) << text;
}

TEST(PicturesOf, ReadsDataAddresses) {
  EXPECT_EQ(read_data_url("data:image/png;base64,aGFsbG8=", "x").value(), "hallo");
  EXPECT_EQ(read_data_url("data:;base64,aGFsbG8", "x").value(), "hallo");
  for (const char* wrong : {"", "data:", "data:image/png,hallo", "data:image/png;base64", "file:///etc/passwd",
                            "data:image/png;base64,a*b=", "DATA:image/png;base64,aGFsbG8="}) {
    const auto read = read_data_url(wrong, "messages[0].content[0]");
    ASSERT_FALSE(read) << wrong;
    EXPECT_TRUE(read.error().message.starts_with("messages[0].content[0]: expected")) << read.error().message;
  }
}

TEST(PicturesOf, ErrorsAreCutBetweenCharacters) {
  const auto read = read_data_url(std::string(31, 'x') + "\u00e9", "x");
  ASSERT_FALSE(read);
  EXPECT_TRUE(is_valid_utf8(read.error().message)) << read.error().message;
}

TEST(PicturesOf, AFileBecomesAPartAndComesBack) {
  for (const std::string& file : {std::string(), std::string("a"), std::string("ab"), std::string("abc\0\xff", 5)}) {
    const Json messages = {{{"role", "user"}, {"content", {picture_part(file)}}}};
    const auto sources = pictures_of(messages);
    ASSERT_EQ(sources.size(), 1u);
    EXPECT_EQ(read_data_url(sources[0].url, "x").value(), file);
  }
}

}  // namespace
}  // namespace paddock::prompt
