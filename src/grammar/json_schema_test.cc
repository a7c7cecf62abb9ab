// SPDX-License-Identifier: Apache-2.0
// Schemas with values that fulfil them and values that do not.

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "grammar/grammar.h"
#include "grammar/test_matcher.h"

namespace paddock::grammar {
namespace {

const Json& schema_cases() {
  static const Json cases = [] {
    std::ifstream file(PADDOCK_SOURCE_DIR "/tests/data/grammar/json_schema.json");
    std::stringstream text;
    text << file.rdbuf();
    return parse_json(text.str(), "json_schema.json", {.exact_integers = true}).value();
  }();
  return cases;
}

// As Python's json.dumps writes it, with spaces after signs or without.
std::string written(const Json& value, bool has_spaces) {
  if (const auto big = big_integer(value)) return *big;
  if (!value.is_structured()) return value.dump();
  std::string text;
  for (const auto& item : value.items()) {
    if (!text.empty()) text += has_spaces ? ", " : ",";
    if (value.is_object()) text += Json(item.key()).dump() + (has_spaces ? ": " : ":");
    text += written(item.value(), has_spaces);
  }
  return value.is_object() ? "{" + text + "}" : "[" + text + "]";
}

TEST(JsonSchema, ValuesAreJudgedAsByTheSchema) {
  ASSERT_GE(schema_cases()["cases"].size(), 120u);
  for (const Json& one : schema_cases()["cases"]) {
    const std::string name = one["schema"].dump().substr(0, 200);
    const auto grammar = Grammar::from_json_schema(one["schema"]);
    ASSERT_TRUE(grammar.has_value()) << name << ": " << grammar.error().message;
    const auto pretty = Grammar::from_json_schema(one["schema"], {.whitespace = Whitespace::kPretty});
    for (const bool has_spaces : {false, true}) {
      for (const Json& value : one["valid"])
        EXPECT_TRUE(accepts(*grammar, written(value, has_spaces))) << name << " on " << written(value, has_spaces);
      for (const Json& value : one["invalid"])
        EXPECT_FALSE(accepts(*grammar, written(value, has_spaces))) << name << " on " << written(value, has_spaces);
    }
    for (const Json& value : one["valid"])
      EXPECT_TRUE(accepts(*pretty, written(value, true))) << name << " on " << written(value, true);
    for (const bool is_valid : {true, false}) {
      const auto texts = one.find(is_valid ? "texts" : "not_texts");
      if (texts == one.end()) continue;
      for (const Json& text : *texts)
        EXPECT_EQ(accepts(*grammar, text.get<std::string>()), is_valid) << name << " on " << text;
    }
  }
}

TEST(JsonSchema, WhatCannotBeEnforcedIsRefusedByName) {
  for (const auto& [list, code] :
       {std::pair("refused", ErrorCode::kUnsupported), std::pair("wrong", ErrorCode::kInvalidArgument)}) {
    for (const Json& one : schema_cases()[list]) {
      const auto grammar = Grammar::from_json_schema(one["schema"]);
      ASSERT_FALSE(grammar.has_value()) << one["schema"];
      EXPECT_EQ(grammar.error().code, code) << one["schema"] << grammar.error().message;
      EXPECT_NE(grammar.error().message.find(one["error"].get<std::string>()), std::string::npos)
          << one["schema"] << ": " << grammar.error().message;
    }
  }
}

Json nested(int depth, const char* before, const char* inside, const char* after) {
  std::string text;
  for (int i = 0; i < depth; ++i) text += before;
  text += inside;
  for (int i = 0; i < depth; ++i) text += after;
  return Json::parse(text);
}

TEST(JsonSchema, HostileSchemasEndSoon) {
  const double start = processor_seconds();
  const auto deep = Grammar::from_json_schema(
      nested(100, R"({"type":"object","required":["a"],"properties":{"a":)", R"({"type":"null"})", "}}"));
  ASSERT_TRUE(deep.has_value()) << deep.error().message;
  const Json value = nested(100, R"({"a": )", "null", "}");
  EXPECT_TRUE(accepts(*deep, written(value, true)));
  EXPECT_FALSE(Grammar::from_json_schema(nested(400, R"({"items":)", "{}", "}")).has_value());
  EXPECT_FALSE(
      Grammar::from_json_schema(nested(140, R"({"anyOf":[{"minimum":1},)", "{}", R"(],"maxLength":3})")).has_value());
  // 2^20 ways to combine branches.
  Json product;
  for (int i = 0; i < 20; ++i)
    product["allOf"].push_back(Json::parse(R"({"anyOf":[{"minLength":)" + std::to_string(i) + R"(},{"maxLength":)" +
                                           std::to_string(i + 30) + "}]}"));
  EXPECT_FALSE(Grammar::from_json_schema(product).has_value());
  Json large;
  for (int i = 0; i < 10'000; ++i) large["enum"].push_back("value " + std::to_string(i * 7919));
  const auto enumeration = Grammar::from_json_schema(large);
  ASSERT_TRUE(enumeration.has_value()) << enumeration.error().message;
  EXPECT_TRUE(accepts(*enumeration, "\"value 7919\""));
  Json chain = Json::parse(R"({"$ref":"#/$defs/0"})");
  for (int i = 0; i < 2'000; ++i) chain["$defs"][std::to_string(i)]["$ref"] = "#/$defs/" + std::to_string(i + 1);
  EXPECT_FALSE(Grammar::from_json_schema(chain).has_value());
  Json wide = {{"type", "object"}, {"additionalProperties", false}};
  for (int i = 0; i < 250; ++i)
    wide["properties"]["a_long_common_prefix_" + std::to_string(i)] = Json::parse(R"({"type":"integer"})");
  const auto optional = Grammar::from_json_schema(wide);
  ASSERT_TRUE(optional.has_value()) << optional.error().message;
  EXPECT_TRUE(accepts(*optional, R"({"a_long_common_prefix_7": 1, "a_long_common_prefix_249": 2})"));
  EXPECT_FALSE(accepts(*optional, R"({"a_long_common_prefix_7": 1, "a_long_common_prefix_7": 2})"));
  EXPECT_FALSE(Grammar::from_json_schema(Json::parse(R"({"type":"string","pattern":"(.*a){20}.{20}"})")).has_value());
  (void)Grammar::from_json_schema(Json::parse(R"({"type":"string","pattern":"^[a-z]+$","maxLength":4000000000})"));
  const auto counted = Grammar::from_json_schema(Json::parse(
      R"({"type":"array","items":{"type":"array","items":{"type":"null"},"maxItems":1000000000},"minItems":1000000000})"));
  ASSERT_TRUE(counted.has_value()) << counted.error().message;
  EXPECT_FALSE(accepts(*counted, "[[null]]"));
  EXPECT_LT(processor_seconds() - start, 20 * kTestSlowdown);
}

}  // namespace
}  // namespace paddock::grammar
