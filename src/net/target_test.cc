// SPDX-License-Identifier: Apache-2.0
#include "net/target.h"

#include <gtest/gtest.h>

namespace paddock::net {
namespace {

using Segments = std::vector<std::string>;
using Query = std::vector<std::pair<std::string, std::string>>;

TEST(Target, SplitsBeforeItDecodes) {
  const auto target = parse_target("/v1/models/meta%2Fllama%3F/caf%C3%A9?a=1%262&b=x+y%2B&c&=d&&e=f=g");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->path, "/v1/models/meta%2Fllama%3F/caf%C3%A9");
  EXPECT_EQ(target->segments, (Segments{"v1", "models", "meta/llama?", "caf\xc3\xa9"}));
  EXPECT_EQ(target->query, (Query{{"a", "1&2"}, {"b", "x y+"}, {"c", ""}, {"", "d"}, {"e", "f=g"}}));
  EXPECT_EQ(target->find("b"), "x y+");
  EXPECT_FALSE(target->find("z"));
}

TEST(Target, KeepsEmptySegments) {
  EXPECT_EQ(parse_target("/")->segments, Segments{""});
  EXPECT_EQ(parse_target("/a/")->segments, (Segments{"a", ""}));
  EXPECT_EQ(parse_target("//a")->segments, (Segments{"", "a"}));
  EXPECT_EQ(parse_target("/?")->query, Query{});
  EXPECT_EQ(parse_target("/a+b")->segments, Segments{"a+b"});  // a plus is a space in queries alone
  EXPECT_EQ(parse_target("/...")->segments, Segments{"..."});
}

TEST(Target, RefusesWhatIsNoPath) {
  for (const std::string text :
       {"",          "a",       "?a",   "http://host/", "/a b",       "/a#b",     "/a\\..\\b", "/\x7f",
        "/\xc3\xa9", "/a\r\nb", "/.",   "/..",          "/a/../b",    "/a/.",     "/%2e",      "/%2E%2e/a",
        "/.%2e",     "/%",      "/%4",  "/%4g",         "/%g4",       "/a?%",     "/a?b=%1",   "/%00",
        "/%0d%0a",   "/%7f",    "/%ff", "/%c0%af",      "/%ed%a0%80", "/a?%ff=1", "**",        "*/"})
    EXPECT_FALSE(parse_target(text)) << text;
  EXPECT_FALSE(parse_target(std::string("/\0", 2)));
  EXPECT_EQ(parse_target("*")->segments, Segments{"*"});
}

TEST(Target, BoundsPieces) {
  std::string path, query = "/?";
  for (int index = 0; index < 1000; ++index) {
    path += "/a";
    query += "a&";
  }
  EXPECT_FALSE(parse_target(path));
  EXPECT_FALSE(parse_target(query));
  EXPECT_TRUE(parse_target(path.substr(0, 100)));
  EXPECT_TRUE(parse_target(query.substr(0, 100)));
}

TEST(Target, DecodesPercent) {
  EXPECT_EQ(percent_decode("%41%6a%6A+", false), "Ajj+");
  EXPECT_EQ(percent_decode("a+b", true), "a b");
  EXPECT_EQ(percent_decode("%%41", false), std::nullopt);
}

}  // namespace
}  // namespace paddock::net
