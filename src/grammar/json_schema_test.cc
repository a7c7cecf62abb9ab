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

}  // namespace
}  // namespace paddock::grammar
