// SPDX-License-Identifier: Apache-2.0
#include "server/api/shape.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "server/api/shape_check.h"
#include "server/api/shape_schema.h"

namespace paddock::server {
namespace {

struct Verdict {
  std::string param;
  std::string message;
  std::vector<std::string> unknown;
  Json left;  // of the value
};

Verdict judge(const Shape& shape, const char* json) {
  Verdict verdict;
  Json value = Json::parse(json);
  if (auto checked = check_shape(value, shape, verdict.unknown); !checked) {
    verdict.param = checked.error().param;
    verdict.message = checked.error().message;
  }
  verdict.left = std::move(value);
  return verdict;
}

const Shape& example() {
  static const Shape shape = object({
      required("name", text(1, 3)),
      honoured("count", integer(1, 4)),
      honoured("parts", list(tagged("type", {known("text", {required("text", text())}),
                                             refused_case("sound", "nobody listens")}))),
      honoured("stop", either({text(), list(text(), 0, 2)})),
      refused("beam", "answers are drawn", {"false", "0"}),
  });
  return shape;
}

TEST(Shape, AcceptsWhatItDescribes) {
  for (const char* json :
       {R"({"name":"äöü"})", R"({"name":"a","count":4.0,"parts":[{"type":"text","text":""}]})",
        R"({"name":"a","count":null,"stop":"x","beam":false})", R"({"name":"a","stop":["x","y"],"beam":0.0})"}) {
    const Verdict verdict = judge(example(), json);
    EXPECT_EQ(verdict.message, "") << json;
    EXPECT_TRUE(verdict.unknown.empty()) << json;
  }
}

TEST(Shape, BlamesTheValueThatIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({})", "name"},
      {R"({"name":null})", "name"},
      {R"({"name":7})", "name"},
      {R"({"name":""})", "name"},
      {R"({"name":"abcd"})", "name"},
      {R"({"name":"a","count":0})", "count"},
      {R"({"name":"a","count":1.5})", "count"},
      {R"({"name":"a","count":1e300})", "count"},
      {R"({"name":"a","parts":{}})", "parts"},
      {R"({"name":"a","parts":[{}]})", "parts[0].type"},
      {R"({"name":"a","parts":[{"type":"text","text":"b"},{"type":"text","text":3}]})", "parts[1].text"},
      {R"({"name":"a","parts":[{"type":"sound"}]})", "parts[0].type"},
      {R"({"name":"a","parts":[{"type":[]}]})", "parts[0].type"},
      {R"({"name":"a","stop":5})", "stop"},
      {R"({"name":"a","stop":["x",5]})", "stop[1]"},
      {R"({"name":"a","stop":["x","y","z"]})", "stop"},
      {R"({"name":"a","beam":true})", "beam"},
      {R"([])", ""},
  };
  for (const auto& [json, param] : cases) {
    const Verdict verdict = judge(example(), json);
    EXPECT_NE(verdict.message, "") << json;
    EXPECT_EQ(verdict.param, param) << json;
  }
  EXPECT_EQ(judge(example(), R"({"name":"a","count":9})").message, "count must be at most 4, not 9");
  EXPECT_EQ(judge(example(), R"({"name":"a","beam":4})").message, "beam is not supported: answers are drawn");
  EXPECT_EQ(judge(example(), R"({"name":"a","parts":[{"type":"smell"}]})").message,
            "parts[0].type must be \"text\", not \"smell\"");
}

TEST(Shape, TellsUnknownMembersAndRemovesThem) {
  const Verdict verdict =
      judge(example(), R"({"name":"a","colour":{"deep":[1]},"parts":[{"type":"text","text":"b","font":1}]})");
  EXPECT_EQ(verdict.message, "");
  EXPECT_EQ(verdict.unknown, (std::vector<std::string>{"colour", "parts[0].font"}));
  EXPECT_EQ(verdict.left, Json::parse(R"({"name":"a","parts":[{"type":"text","text":"b"}]})"));
}

TEST(Shape, BoundsMembersAndWhatItRepeats) {
  Json crowded{{"name", "a"}};
  for (int index = 0; index < 300; ++index) crowded["x" + std::to_string(index)] = index;
  EXPECT_NE(judge(example(), crowded.dump().c_str()).message, "");
  const std::string long_name(100'000, 'n');
  const Verdict verdict = judge(example(), Json{{"name", "a"}, {"stop", 1}, {long_name, 1}}.dump().c_str());
  EXPECT_EQ(verdict.param, "stop");
  EXPECT_LT(judge(object({honoured("a", words({"b"}))}), Json{{"a", long_name}}.dump().c_str()).message.size(), 200u);
}

TEST(Shape, MessagesStayOnOneLine) {
  const Verdict verdict = judge(example(), R"({"name":"a","x\ny":1,"stop":["\u0000",{"a":1}]})");
  EXPECT_EQ(verdict.unknown, std::vector<std::string>{"x\uFFFDy"});
  const Verdict quoting = judge(object({honoured("a", words({"b"}))}), R"({"a":"x\r\n\u001b[31m"})");
  EXPECT_EQ(quoting.message.find_first_of("\r\n\x1b"), std::string::npos);
}

TEST(Shape, IsWrittenAsSchema) {
  const Json schema = json_schema(example());
  EXPECT_EQ(schema["required"], Json::parse(R"(["name"])"));
  EXPECT_EQ(schema["properties"]["name"], Json::parse(R"({"type":"string","minLength":1,"maxLength":3})"));
  EXPECT_EQ(schema["properties"]["count"], Json::parse(R"({"type":["integer","null"],"minimum":1,"maximum":4})"));
  EXPECT_EQ(schema["properties"]["beam"]["enum"], Json::parse("[false,0,null]"));
  const Json& part = schema["properties"]["parts"]["items"]["anyOf"];
  EXPECT_EQ(part.size(), 1u);
  EXPECT_EQ(part[0]["properties"]["type"], Json::parse(R"({"const":"text"})"));
  EXPECT_EQ(part[0]["required"], Json::parse(R"(["text","type"])"));
}

}  // namespace
}  // namespace paddock::server
