// SPDX-License-Identifier: Apache-2.0
#include "base/json_walk.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/json.h"

namespace paddock {
namespace {

Result<std::vector<std::string>> items_of(std::string_view text, int depth = 8) {
  std::vector<std::string> items;
  const auto walked = walk_json(text, "x.json", depth, [&](const JsonItem& item) -> Result<void> {
    if (item.text == "stop") return error(ErrorCode::kCancelled, "stopped");
    const std::string value =
        item.kind == JsonItem::Kind::kUnsigned ? std::to_string(item.number) : std::string(item.text);
    items.push_back(fmt::format("{}={}", fmt::join(item.keys, "."), value));
    return {};
  });
  if (!walked) return tl::unexpected(walked.error());
  return items;
}

TEST(JsonWalk, MeetsEveryItemWithItsKeys) {
  EXPECT_EQ(
      items_of(R"({"a": {"b": [7, "s", -1, 1.50, null, true]}, "c": {}})").value(),
      (std::vector<std::string>{"=an object", "a=an object", "a.b=an array", "a.b=7", "a.b=s", "a.b=-1", "a.b=1.50",
                                "a.b=null", "a.b=true", "a.b=the end of an array", "a=the end of an object",
                                "c=an object", "c=the end of an object", "=the end of an object"}));
}

TEST(JsonWalk, IsAsStrictAsTheTree) {
  using namespace std::string_literals;
  for (const std::string& bad :
       {R"({"a":1,"a":2})"s, R"({"a":{"b":1,"b":1}})"s, "[1] 2"s, ""s, "NaN"s, "[1,]"s, "{\"a\":1"s, "\"\xFF\""s,
        "[1]\0garbage"s, "[1e999]"s, std::string(9, '[') + std::string(9, ']')}) {
    EXPECT_FALSE(items_of(bad)) << bad;
    EXPECT_EQ(items_of(bad).error().message.substr(0, 8), "x.json: ") << bad;
    EXPECT_FALSE(parse_json(bad, "x.json", {.depth = 8})) << bad;
  }
  EXPECT_TRUE(items_of(std::string(8, '[') + std::string(8, ']')));
}

TEST(JsonWalk, StopsAtTheVisitorsError) { EXPECT_EQ(items_of(R"(["a", "stop", "b"])").error().message, "stopped"); }

// A tree with ordered keys looks through all of an object for each new key: ten thousand times the work here.
TEST(JsonWalk, ALargeObjectTakesLinearTime) {
  std::string text = "{";
  for (int key = 0; key < 300000; ++key) text += fmt::format("{}\"key {}\": 0", key == 0 ? "" : ",", key);
  EXPECT_EQ(items_of(text + "}").value().size(), 300002u);
}

}  // namespace
}  // namespace paddock
