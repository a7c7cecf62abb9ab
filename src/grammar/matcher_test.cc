// SPDX-License-Identifier: Apache-2.0
// Masks that are found fast equal those that are found slowly, along random texts of many grammars.

#include "grammar/matcher.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

#include "grammar/test_matcher.h"

namespace paddock::grammar {
namespace {

// All bytes, and pieces of every kind that could go wrong: several signs, ends of strings, parts of characters, long
// ones.
std::shared_ptr<const MaskVocabulary> mixed_vocabulary(uint32_t seed, size_t cache_bytes = size_t{128} << 20) {
  static std::vector<std::string> texts;
  texts.clear();
  for (int byte = 0; byte < 256; ++byte) texts.emplace_back(1, static_cast<char>(byte));
  for (const char* text : {"{\"",         "\": ",         "\":",        "\", \"",
                           "\",\"",       "},",           "}]",         "}}",
                           "]}",          "\"}",          "\"]",        "\"},",
                           ", ",          "true",         "false",      "null",
                           "tru",         "name",         "parameters", "{\"name\": \"",
                           "\\\"",        "\\u",          "\\u00",      "\\n",
                           "12",          "123",          "99,",        ".5",
                           "e+",          "-1",           " the",       "the end\"",
                           "é",           "\xC3",         "\xA9\"",     "\xE6\xBC",
                           "\xA2",        "漢字",         "\xF0\x9F",   "\x98\x80",
                           "😀\", ",       "    ",         "\n  ",       "\n",
                           "abc",         "abcabcabcabc", "a\"",        "b\\",
                           "[[",          "[]",           "{}",         "[1,",
                           "2]",          "2024-",        "-01-",       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                           "a b c d e f", "xy\"}",        "\"a\": 1",   "ab]",
                           "((",          "))",           "+1",         "*(2"})
    texts.emplace_back(text);
  std::mt19937 random(seed);
  const std::string alphabet = "ab1,:{}[]\"\\ un0-.é";
  for (int i = 0; i < 600; ++i) {
    std::string text;
    for (uint32_t length = 1 + random() % 6; length > 0; --length) text.push_back(alphabet[random() % alphabet.size()]);
    texts.push_back(text);
  }
  texts.emplace_back("abc");  // the same bytes as another token
  texts.emplace_back("");     // a special token
  texts.emplace_back("<eot>");
  std::vector<std::string_view> bytes(texts.begin(), texts.end());
  const auto stop = static_cast<TokenId>(bytes.size() - 1);
  return std::make_shared<const MaskVocabulary>(bytes, std::span(&stop, 1), MaskVocabulary::Options{cache_bytes});
}

Grammar::Pointer schema_grammar(const char* schema, const JsonOptions& options = {}) {
  auto grammar = Grammar::from_json_schema(Json::parse(schema), options);
  EXPECT_TRUE(grammar.has_value()) << schema << (grammar ? "" : grammar.error().message);
  return grammar.value_or(nullptr);
}

std::vector<Grammar::Pointer> many_grammars() {
  std::vector<Grammar::Pointer> grammars;
  for (
      const char* schema :
      {R"({})", R"({"type":"object"})", R"({"type":"string"})", R"({"type":"string","maxLength":9})",
       R"({"type":"string","minLength":30,"maxLength":40})",
       R"({"type":"array","items":{"type":"integer"},"minItems":2,"maxItems":30})",
       R"({"type":"string","pattern":"^(ab|ba)*c?$"})", R"({"type":"string","pattern":"abc"})",
       R"({"type":"object","properties":{"a":{"type":"integer"},"ab":{"type":"string"},"b":{"type":"null"}}})",
       R"({"type":"object","properties":{"a":{"$ref":"#"},"b":{"type":"array","items":{"$ref":"#"}}},"additionalProperties":false})",
       R"({"enum":["a","ab","abc","b\"c","é",1,12,123,{"a":[1,2]}]})",
       R"({"type":"number","minimum":-1.5,"maximum":12.25})",
       R"({"anyOf":[{"type":"object","properties":{"a":{"const":1}},"required":["a"]},{"type":"object","properties":{"a":{"const":12}},"required":["a"]},{"type":"string"}]})",
       R"({"type":"object","patternProperties":{"^a":{"type":"integer"},"b$":{"type":"integer","minimum":5}},"additionalProperties":{"type":"string"}})",
       R"({"type":"string","format":"date-time"})",
       R"({"type":"object","additionalProperties":{"type":"string","maxLength":3},"maxProperties":4})"}) {
    grammars.push_back(schema_grammar(schema));
    grammars.push_back(schema_grammar(schema, {.whitespace = Whitespace::kPretty}));
  }
  for (const char* pattern : {"a*b", "(a|ab)(c|bcd)*", ".*", "[^\"]*\"?", "(.a){3,5}", "\\s*\\S+", "(a{300}){300}"})
    grammars.push_back(Grammar::from_regex(pattern).value());
  for (const char* text :
       {"root ::= expr\nexpr ::= expr [+*] expr | \"(\" expr \")\" | [0-9]+",
        "root ::= s*\ns ::= \"a\" s \"b\" | \"a\" | \"b\"", "root ::= (\"a\" | \"ab\" | \"b\"){3,400}",
        "root ::= line{1,50}\nline ::= word (\" \" word)* \"\\n\"\nword ::= [a-z]+ | \"\\\"\" . \"\\\"\"",
        "root ::= a | root \",\" a\na ::= [^,]*"})
    grammars.push_back(Grammar::from_ebnf(text).value());
  return grammars;
}

bool is_set(const std::vector<uint32_t>& bits, TokenId id) {
  return bits[static_cast<size_t>(id) / 32] >> (id % 32) & 1;
}

// A token that is allowed, long ones and ends of texts being as likely as others.
TokenId draw(const std::vector<uint32_t>& bits, TokenId size, std::mt19937& random) {
  std::vector<TokenId> allowed;
  for (TokenId id = 0; id < size; ++id)
    if (is_set(bits, id)) allowed.push_back(id);
  return allowed[random() % allowed.size()];
}

TEST(Matcher, FastMasksEqualSlowOnes) {
  const double start = processor_seconds();
  const std::vector<Grammar::Pointer> grammars = many_grammars();
  size_t compared = 0;
  for (uint32_t seed = 1; seed <= (kTestSlowdown > 1 ? 1 : 3); ++seed) {
    // The last cache is too small to keep more than some entries.
    const auto vocabulary = mixed_vocabulary(seed, seed == 3 ? 20'000 : size_t{128} << 20);
    std::mt19937 random(seed);
    std::vector<uint32_t> fast(vocabulary->mask_words()), slow(vocabulary->mask_words());
    for (size_t g = 0; g < grammars.size(); ++g) {
      for (int walk = 0; walk < 3; ++walk) {
        Matcher matcher(grammars[g], vocabulary);
        std::string text;
        for (int step = 0; step < 25; ++step) {
          const bool any = matcher.fill_mask(fast);
          EXPECT_EQ(matcher.fill_mask_slowly(slow), any);
          ASSERT_EQ(fast, slow) << "grammar " << g << " seed " << seed << " after " << text;
          ++compared;
          if (!any) break;
          EXPECT_EQ(is_set(fast, vocabulary->stop()[0]), matcher.is_complete());
          const TokenId token = draw(fast, vocabulary->size(), random);
          // What the mask forbids is refused, and changes nothing.
          for (int tries = 0; tries < 3; ++tries) {
            const auto other = static_cast<TokenId>(random() % static_cast<uint32_t>(vocabulary->size()));
            Matcher copy = matcher;
            EXPECT_EQ(copy.accept(other), is_set(fast, other)) << "grammar " << g << " after " << text;
          }
          ASSERT_TRUE(matcher.accept(token));
          text += vocabulary->bytes(token);
          if (matcher.is_stopped()) break;
        }
        EXPECT_TRUE(matcher.is_stopped() || matcher.is_complete() || matcher.can_continue()) << g << " after " << text;
      }
    }
  }
  EXPECT_GT(compared, 700u);
  EXPECT_LT(processor_seconds() - start, 20 * kTestSlowdown);
}

TEST(Matcher, StopTokensEndCompleteTextsOnly) {
  const auto vocabulary = byte_vocabulary();
  const auto grammar = Grammar::from_regex("ab?").value();
  Matcher matcher(grammar, vocabulary);
  std::vector<uint32_t> bits(vocabulary->mask_words());
  EXPECT_FALSE(matcher.accept(256));
  EXPECT_TRUE(matcher.fill_mask(bits));
  EXPECT_FALSE(is_set(bits, 256));
  EXPECT_FALSE(matcher.accept(-1));
  EXPECT_FALSE(matcher.accept(257));
  EXPECT_TRUE(matcher.accept('a'));
  EXPECT_TRUE(matcher.is_complete() && matcher.can_continue());
  Matcher other = matcher;
  EXPECT_TRUE(other.accept('b'));
  EXPECT_TRUE(other.is_complete() && !other.can_continue());
  EXPECT_TRUE(matcher.accept(256));
  EXPECT_TRUE(matcher.is_stopped() && !matcher.is_complete() && !matcher.can_continue());
  EXPECT_FALSE(matcher.fill_mask(bits));
  EXPECT_FALSE(matcher.accept('b'));
  EXPECT_FALSE(other.is_stopped());
}

TEST(Matcher, ForcedTextIsWhatHasNoChoice) {
  const auto grammar =
      schema_grammar(R"({"type":"object","properties":{"kind":{"const":"square"},"size":{"type":"integer"}},
    "required":["kind","size"],"additionalProperties":false})",
                     {.whitespace = Whitespace::kNone});
  Matcher matcher(grammar, byte_vocabulary());
  EXPECT_EQ(matcher.forced_text(100), "{\"kind\":\"square\",\"size\":");
  EXPECT_EQ(matcher.forced_text(3), "{\"k");
  ASSERT_TRUE(matcher.accept_text(matcher.forced_text(100) + "7"));
  EXPECT_EQ(matcher.forced_text(100), "");
  ASSERT_TRUE(matcher.accept_text("}"));
  EXPECT_EQ(matcher.forced_text(100), "");
}

TEST(Matcher, LongTextsTakeLittleMemoryAndTime) {
  // Deep nesting grows the stack and gives it back; long arrays and lists do not grow it.
  const auto value = schema_grammar("{}");
  Matcher matcher(value, byte_vocabulary());
  for (int i = 0; i < 2'000; ++i) ASSERT_TRUE(matcher.accept_text("[1, \"a\", "));
  ASSERT_TRUE(matcher.accept_text("2"));
  for (int i = 0; i < 2'000; ++i) ASSERT_TRUE(matcher.accept_text("]"));
  EXPECT_TRUE(matcher.is_complete());
  const auto list = Grammar::from_ebnf("root ::= \"x\" root | \"y\"").value();
  Matcher right(list, byte_vocabulary());
  for (int i = 0; i < 5'000; ++i) ASSERT_TRUE(right.accept('x'));
  ASSERT_TRUE(right.accept('y'));
  EXPECT_TRUE(right.is_complete());
}

std::vector<ToolSchema> some_tools(const Json& schemas) {
  std::vector<ToolSchema> tools;
  for (const auto& item : schemas.items())
    tools.push_back({item.key(), item.value().is_null() ? nullptr : &item.value()});
  return tools;
}

TEST(ToolCalls, OneOrSeveral) {
  const Json schemas = Json::parse(
      R"({"get_weather":{"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer"}},"required":["city"]},
    "get-time":null,"any \"tool\"":{"type":"object"}})");
  const auto tools = some_tools(schemas);
  const auto one = Grammar::tool_calls(tools).value();
  const std::string weather = R"({"name": "get_weather", "parameters": {"city": "LA", "days": 3}})";
  EXPECT_TRUE(accepts(one, weather));
  EXPECT_TRUE(accepts(one, R"({"name":"get_weather","parameters":{"city":"LA"}})"));
  EXPECT_TRUE(accepts(one, R"({"name": "get-time", "parameters": {}})"));
  EXPECT_TRUE(accepts(one, R"({"name": "any \"tool\"", "parameters": {"x": [1]}})"));
  EXPECT_FALSE(accepts(one, R"({"name": "get_weather", "parameters": {}})"));
  EXPECT_FALSE(accepts(one, R"({"name": "get_weather", "parameters": {"city": "LA", "other": 1}})"));
  EXPECT_FALSE(accepts(one, R"({"name": "get_weath", "parameters": {"city": "LA"}})"));
  EXPECT_FALSE(accepts(one, R"({"name": "get-time", "parameters": {"a": 1}})"));
  EXPECT_FALSE(accepts(one, weather + weather));
  EXPECT_FALSE(accepts(one, ""));
  const auto several = Grammar::tool_calls(tools, {.parallel = true, .max_calls = 3}).value();
  EXPECT_TRUE(accepts(several, weather));
  EXPECT_TRUE(accepts(several, weather + weather + "\n" + weather));
  EXPECT_TRUE(accepts(several, weather + "; " + weather));
  EXPECT_FALSE(accepts(several, weather + weather + weather + weather));
  EXPECT_FALSE(accepts(several, weather + "\n"));
}

TEST(ToolCalls, ErrorsNameTheTool) {
  EXPECT_FALSE(Grammar::tool_calls({}).has_value());
  const Json schemas = Json::parse(R"({"f":{"type":"object","properties":{"a":{"not":{}}}},"g":{"type":"string"}})");
  auto tools = some_tools(schemas);
  const auto refused = Grammar::tool_calls(tools);
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().message.find("tool 'f': #/properties/a/not"), std::string::npos) << refused.error().message;
  // Parameters are an object, whatever the schema allows besides.
  tools.erase(tools.begin());
  EXPECT_FALSE(Grammar::tool_calls(tools).has_value());
}

TEST(JsonObject, AnyObjectAndNothingElse) {
  const auto grammar = Grammar::from_json_object().value();
  EXPECT_TRUE(accepts(grammar, "{}"));
  EXPECT_TRUE(accepts(grammar, R"({"a": [1, {"b": null}], "c": "d"})"));
  EXPECT_FALSE(accepts(grammar, "[]"));
  EXPECT_FALSE(accepts(grammar, "1"));
  const auto pretty = Grammar::from_json_object({.whitespace = Whitespace::kPretty}).value();
  EXPECT_TRUE(accepts(pretty, "{\n  \"a\": [\n    1,\n    2\n  ],\r\n\t\"b\": {}\n}"));
  EXPECT_FALSE(accepts(pretty, "{\n\n\"a\": 1}"));
  EXPECT_FALSE(accepts(pretty, "{\n" + std::string(65, ' ') + "\"a\": 1}"));
}

TEST(JsonOptions, ObjectsMayBeClosed) {
  const char* schema = R"({"type":"object","properties":{"a":{"type":"integer"},"free":{"type":"object"}}})";
  EXPECT_TRUE(accepts(schema_grammar(schema), R"({"a": 1, "b": 2})"));
  const auto closed = schema_grammar(schema, {.close_objects = true});
  EXPECT_FALSE(accepts(closed, R"({"a": 1, "b": 2})"));
  EXPECT_TRUE(accepts(closed, R"({"a": 1, "free": {"b": 2}})"));
}

}  // namespace
}  // namespace paddock::grammar
