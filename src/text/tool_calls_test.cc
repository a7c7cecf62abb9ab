// SPDX-License-Identifier: Apache-2.0
#include "text/tool_calls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ctime>
#include <nlohmann/json.hpp>
#include <random>

#include "base/json.h"
#include "base/utf8.h"
#include "text/test_data.h"

namespace paddock::text {
namespace {

const Json& reference() {
  static const Json file = [] {
    const std::string path = std::string(PADDOCK_SOURCE_DIR) + "/tests/data/chat/tool_calls.json";
    return parse_json(read_test_file(path), path, {.exact_integers = true}).value();
  }();
  return file;
}

const ToolSet& all_tools() {
  static const ToolSet tools = ToolSet::from_json(reference()["tool_definitions"], "tools").value();
  return tools;
}

ToolSet tools_of(const Json& vector) {
  if (vector["tools"] == "all") return all_tools();
  if (vector["tools"].is_null()) return {};
  Json chosen = Json::array();
  for (const Json& definition : reference()["tool_definitions"])
    for (const Json& name : vector["tools"])
      if (definition["function"]["name"] == name) chosen.push_back(definition);
  return ToolSet::from_json(chosen, "tools").value();
}

ParsedToolCalls parse(std::string_view text, bool truncated = false) {
  return parse_tool_calls(text, all_tools(), truncated);
}

// In pieces of lengths that `next_length` says.
template <typename NextLength>
ParsedToolCalls parse_pieces(std::string_view text, const ToolSet& tools, bool truncated, NextLength&& next_length) {
  ToolCallParser parser(std::make_shared<const ToolSet>(tools));
  ParsedToolCalls parsed;
  while (!text.empty()) {
    const std::string_view piece = text.substr(0, next_length());
    text.remove_prefix(piece.size());
    const std::vector<ToolCallEvent> events = parser.push(piece);
    for (const ToolCallEvent& event : events) EXPECT_TRUE(is_valid_utf8(event.text));
    append_events(parsed, events);
  }
  append_events(parsed, parser.finish(truncated));
  return parsed;
}

Json arguments_of(const ToolCall& call) {
  const auto parsed = parse_json(call.arguments, call.arguments, {.exact_integers = true});
  EXPECT_TRUE(parsed.has_value()) << call.arguments;
  return parsed.value_or(Json());
}

void expect_no_calls(std::string_view text, bool truncated = false) {
  EXPECT_EQ(parse(text, truncated), (ParsedToolCalls{std::string(text), {}})) << text;
}

// "name{arguments}" of all calls.
std::string calls_of(const ParsedToolCalls& parsed) {
  std::string text;
  for (const ToolCall& call : parsed.calls) text += (text.empty() ? "" : " ") + call.name + call.arguments;
  return text;
}
std::string calls_of(std::string_view text) { return calls_of(parse(text)); }

TEST(ToolCalls, ReferenceVectors) {
  for (const Json& vector : reference()["vectors"]) {
    SCOPED_TRACE(vector["id"].get<std::string>());
    const ParsedToolCalls parsed =
        parse_tool_calls(vector["raw"].get<std::string>(), tools_of(vector), vector.value("truncated", false));
    EXPECT_EQ(parsed.content, vector["content"].get<std::string>());
    const Json& expected = vector["tool_calls"];
    EXPECT_EQ(parsed.calls.size(), expected.size());
    for (size_t index = 0; index < std::min(parsed.calls.size(), expected.size()); ++index) {
      EXPECT_EQ(parsed.calls[index].name, expected[index]["name"].get<std::string>());
      const Json arguments = arguments_of(parsed.calls[index]);
      EXPECT_EQ(arguments, expected[index]["arguments"]) << parsed.calls[index].arguments;
      for (auto have = arguments.begin(), want = expected[index]["arguments"].begin(); have != arguments.end();
           ++have, ++want)
        EXPECT_EQ(have.key(), want.key());
    }
  }
}

TEST(ToolCalls, ReferenceVectorsHoweverTheyAreCut) {
  std::mt19937 random(11);
  for (const Json& vector : reference()["vectors"]) {
    SCOPED_TRACE(vector["id"].get<std::string>());
    const std::string raw = vector["raw"];
    const ToolSet tools = tools_of(vector);
    const bool truncated = vector.value("truncated", false);
    const ParsedToolCalls whole = parse_tool_calls(raw, tools, truncated);
    EXPECT_EQ(parse_pieces(raw, tools, truncated, [] { return 1; }), whole);
    for (size_t cut = 1; cut < raw.size(); ++cut)
      ASSERT_EQ(parse_pieces(raw, tools, truncated,
                             [&, first = true]() mutable { return std::exchange(first, false) ? cut : raw.size(); }),
                whole);
    for (int round = 0; round < 20; ++round)
      ASSERT_EQ(parse_pieces(raw, tools, truncated, [&] { return random() % 9 + 1; }), whole);
  }
}

// What has to be out early is out, and is the beginning of the content.
TEST(ToolCalls, ContentIsNotHeldBackLongerThanNeeded) {
  int checked = 0;
  for (const Json& vector : reference()["vectors"]) {
    if (!vector.contains("stream")) continue;
    for (const Json& point : vector["stream"]) {
      ToolCallParser parser(std::make_shared<const ToolSet>(tools_of(vector)));
      ParsedToolCalls parsed;
      append_events(parsed, parser.push(point[0].get<std::string>()));
      std::string wanted = point[1];
      wanted.erase(wanted.find_last_not_of(" \n") + 1);
      EXPECT_TRUE(parsed.content.starts_with(wanted)) << vector["id"] << ": " << parsed.content;
      ++checked;
    }
  }
  EXPECT_GT(checked, 10);
}

// Every beginning of every vector as an output of its own: what was given out while it grew never changes.
TEST(ToolCalls, WhatIsGivenOutIsABeginningOfTheResult) {
  for (const Json& vector : reference()["vectors"]) {
    const std::string raw = vector["raw"];
    const auto tools = std::make_shared<const ToolSet>(tools_of(vector));
    ToolCallParser parser(tools);
    ParsedToolCalls given;
    for (size_t length = 0; length < raw.size(); ++length) {
      append_events(given, parser.push({&raw[length], 1}));
      const ParsedToolCalls parsed = parse_tool_calls(replace_invalid_utf8(raw.substr(0, length + 1)), *tools, true);
      ASSERT_TRUE(parsed.content.starts_with(given.content)) << vector["id"] << " up to " << length;
      ASSERT_GE(parsed.calls.size(), given.calls.size());
    }
  }
}

TEST(ToolCalls, EventsTellACallInOrder) {
  using Kind = ToolCallEvent::Kind;
  ToolCallParser parser(std::make_shared<const ToolSet>(all_tools()));
  std::vector<ToolCallEvent> events = parser.push("Look: [get_time(), add(1, b=2)");
  EXPECT_EQ(events, (std::vector<ToolCallEvent>{{Kind::kContent, 0, "Look:"}}));
  EXPECT_TRUE(parser.push("]").empty());
  events = parser.push("\n");
  EXPECT_EQ(events, (std::vector<ToolCallEvent>{{Kind::kCallBegins, 0, "get_time"},
                                                {Kind::kArguments, 0, "{}"},
                                                {Kind::kCallEnds, 0, ""},
                                                {Kind::kCallBegins, 1, "add"},
                                                {Kind::kArguments, 1, R"({"a": 1, "b": 2})"},
                                                {Kind::kCallEnds, 1, ""}}));
  EXPECT_TRUE(parser.finish(false).empty());
}

// What the events say after each byte: the calls with as much of their arguments as is out.
TEST(ToolCalls, GuaranteedCallsAreGivenWhileTheyAreWritten) {
  const std::pair<std::string, std::vector<std::string>> cases[] = {
      {R"({"name": "get_time", "parameters": {"zone": "Eur\u00f6pe\n", "x": [1, {}]}})",
       {"get_time", R"(get_time{"zone": "Eur)", "get_time{\"zone\": \"Eurö", R"(get_time{"zone": "Euröpe\n", "x": [1)",
        R"(get_time{"zone": "Euröpe\n", "x": [1, {}]})"}},
      {R"({"parameters": {"a": 12}, "name": "add"})", {R"(add{"a": 12})"}},
      {R"([{"name": "get_time", "arguments": {}}, {"name": "add", "arguments": {"b": "é"}}])",
       {"get_time{", "get_time{} add", "get_time{} add{\"b\": \"é"}},
      {"<function=add>{'a': 'x y'}</function>", {"add", R"(add{"a": "x)"}},
      {"[get_time(), add(a=1)]", {"get_time{}", R"(get_time{} add{"a": 1})"}},
  };
  for (const auto& [text, wanted] : cases) {
    ToolCallParser parser(std::make_shared<const ToolSet>(all_tools()), Calls::kGuaranteed);
    ParsedToolCalls parsed;
    std::vector<std::string> seen;
    for (const char byte : text) {
      append_events(parsed, parser.push({&byte, 1}));
      seen.push_back(calls_of(parsed));
    }
    append_events(parsed, parser.finish(false));
    EXPECT_EQ(parsed, parse(text)) << text;
    for (const std::string& each : wanted) EXPECT_THAT(seen, testing::Contains(each)) << text;
  }
}

TEST(ToolCalls, GuaranteedCallsThatAreCutOffStayOpen) {
  const std::string text = R"({"name": "get_time", "parameters": {"zone": "Eur)";
  ToolCallParser parser(std::make_shared<const ToolSet>(all_tools()), Calls::kGuaranteed);
  ParsedToolCalls parsed;
  append_events(parsed, parser.push(text));
  for (const ToolCallEvent& event : parser.finish(true)) ADD_FAILURE() << event.text;
  EXPECT_EQ(parsed, (ParsedToolCalls{"", {{"get_time", R"({"zone": "Eur)"}}}));
}

TEST(ToolCalls, Strings) {
  EXPECT_EQ(calls_of(R"([get_time(zone='"')])"), R"(get_time{"zone": "\""})");
  EXPECT_EQ(calls_of(R"([get_time(zone="")])"), R"(get_time{"zone": ""})");
  EXPECT_EQ(calls_of(R"([get_time("")])"), R"(get_time{"zone": ""})");
  EXPECT_EQ(calls_of(R"([get_time(zone='''a'b''c''')])"), R"(get_time{"zone": "a'b''c"})");
  EXPECT_EQ(calls_of(R"([get_time(zone="""""")])"), R"(get_time{"zone": ""})");
  EXPECT_EQ(calls_of("[get_time(zone='a\\\nb')]"), R"(get_time{"zone": "ab"})");
  EXPECT_EQ(calls_of(R"([get_time(zone='\0\a\v\x7f\x1')])"), "get_time{\"zone\": \"\\u0000\\u0007\\u000b\x7f\\\\x1\"}");
  EXPECT_EQ(calls_of(R"([get_time(zone='\u00e9\uD83E\uD83E\uDD99\uDD99')])"),
            "get_time{\"zone\": \"é\uFFFD🦙\uFFFD\"}");
  EXPECT_EQ(calls_of(R"([get_time(zone='\U00110000\u12\/')])"), "get_time{\"zone\": \"\uFFFD\\\\u12\\\\/\"}");
  EXPECT_EQ(calls_of(R"([get_time(zone='\ud83e\n')])"), "get_time{\"zone\": \"\uFFFD\\n\"}");
  EXPECT_EQ(calls_of(R"({"name": "get_time", "parameters": {"zone": "\x41\/\'"}})"), R"(get_time{"zone": "\\x41/'"})");
  EXPECT_EQ(calls_of("[get_time(zone='<|python_end|>')]"), R"(get_time{"zone": "<|python_end|>"})");
  expect_no_calls(R"([get_time(zone='''a''')(])");
  expect_no_calls(R"([get_time(zone=""a"")])");
  EXPECT_EQ(calls_of("[get_time(zone='\xff\xe2\x82')]"), "get_time{\"zone\": \"\uFFFD\uFFFD\"}");
}

TEST(ToolCalls, Numbers) {
  const struct {
    const char* written;
    const char* json;
  } numbers[] = {{"1e308", "1e308"},
                 {"-.5e-2", "-0.5e-2"},
                 {"5.e1", "5.0e1"},
                 {"+0", "0"},
                 {"1e-400", "1e-400"},
                 {"0.0e999999999999999999999", "0.0e999999999999999999999"},
                 {"-0", "-0"},
                 {"1E+2", "1E+2"},
                 {"1e-999999999999999999999", "1e-999999999999999999999"},
                 {"123456789012345678901234567890", "123456789012345678901234567890"}};
  for (const auto& [written, json] : numbers) {
    const ParsedToolCalls parsed = parse("[add(a=" + std::string(written) + ")]");
    EXPECT_EQ(calls_of(parsed), "add{\"a\": " + std::string(json) + "}");
    if (!parsed.calls.empty()) arguments_of(parsed.calls[0]);
  }
  for (const char* written : {"1e400",     "-1e400", "1e999999999999999999999",
                              "0.001e312", "NaN",    "Infinity",
                              "inf",       "1_0",    "00",
                              "01.5",      "0x1",    "1e",
                              "1e+",       "-",      ".",
                              "--1",       "1j",     "1.2.3",
                              "+-1",       "1 2",    "٣"})
    expect_no_calls("[add(a=" + std::string(written) + ")]");
  expect_no_calls(R"({"name": "add", "parameters": {"a": +1}})");
  expect_no_calls(R"({"name": "add", "parameters": {"a": 1e400}})");
}

TEST(ToolCalls, Containers) {
  EXPECT_EQ(calls_of("[search(tags=((), (1,), (1), (1, 2,), [3,],), filters={'a': {},})]"),
            R"(search{"tags": [[], [1],  1, [1, 2], [3]], "filters": {"a": {}}})");
  for (const char* value : {"[,]", "[1,,2]", "{1: 2}", "{'a'}", "{'a': 1 'b': 2}", "{'a' 1}", "(,)", "[1", "{**x}",
                            "[x]", "{'a': 1, 'a': 2}", "[1)", "(1]"})
    expect_no_calls("[search(tags=" + std::string(value) + ")]");
}

TEST(ToolCalls, NestingIsBounded) {
  const auto nested = [](size_t depth) {
    return "[search(tags=" + std::string(depth, '[') + std::string(depth, ']') + ")]";
  };
  EXPECT_EQ(parse(nested(tools::kMostNested)).calls.size(), 1);
  expect_no_calls(nested(tools::kMostNested + 1));
  expect_no_calls(nested(100000));
}

TEST(ToolCalls, Arguments) {
  EXPECT_EQ(calls_of("[add(1, b=2), add(b=1, a=None), add(True)]"),
            R"(add{"a": 1, "b": 2} add{"b": 1, "a": null} add{"a": true})");
  EXPECT_EQ(calls_of("[add(max-a=1, None_=2)]"), R"(add{"max-a": 1, "None_": 2})");
  for (const char* arguments : {"1, 2, 3", "a=1, 2", "1, a=2", "a=1, a=2", "a=1 b=2", ", 1", "a==1", "a=", "=1", "a",
                                "1, ,", "*[1]", "a:1", "a=lambda: 1"})
    expect_no_calls("[add(" + std::string(arguments) + ")]");
}

TEST(ToolCalls, Objects) {
  EXPECT_EQ(calls_of(R"({"name": "add", "parameters": "{'a': 1}", "type": "function"})"), R"(add{"a": 1})");
  EXPECT_EQ(calls_of(R"({"id": {"x": [1]}, "name": "get_time", "arguments": None,})"), "get_time{}");
  EXPECT_EQ(calls_of(R"([{"name": "get_time", "arguments": {}},])"), "get_time{}");
  EXPECT_EQ(calls_of(R"({"n\u0061me": "get\u005ftime", "arguments": {}})"), "get_time{}");
  for (const char* text :
       {R"({"name": "get_time", "parameters": ""})", R"({"name": "get_time", "parameters": "{} x"})",
        R"({"name": "get_time", "parameters": "{"})", R"({"name": "get_time", "parameters": false})",
        R"({"name": "get_time", "name": "get_time", "parameters": {}})", R"({"name": "", "parameters": {}})",
        R"({"name": 1, "parameters": {}})", R"({"name": "get_tim", "parameters": {}})",
        R"({"name": "get_time", "parameters": {}, "type": "tool"})", R"({"parameters": {}})", "{}", "{", "{,}",
        R"([{"name": "get_time", "parameters": {}}, {}])", R"([{"name": "get_time", "parameters": {}}, 1])",
        R"({"name": "get_time", "parameters": {}, "": 1})", R"({"function": {"name": "get_time", "arguments": {}}})"})
    expect_no_calls(text);
}

TEST(ToolCalls, Tags) {
  EXPECT_EQ(calls_of("<function=get_time>\n{ }\n</function>"), "get_time{}");
  EXPECT_EQ(calls_of("<function=get_time>"), "get_time{}");
  EXPECT_EQ(calls_of("<function=add>{\"a\": 1}</func"), R"(add{"a": 1})");
  expect_no_calls("<function=get_time>", true);
  for (const char* text :
       {"<function= get_time></function>", "<function=get_time>[]</function>", "<function=></function>",
        "<function=get_time>{}</fun>", "<function=get_time></function", "<function=get_time"})
    expect_no_calls(text, true);
}

TEST(ToolCalls, PlaceInTheLine) {
  EXPECT_EQ(parse("a [get_time()] ,; \nb").content, "a  ,; \nb");
  EXPECT_EQ(parse("a [get_time()] [add(1)] b"),
            (ParsedToolCalls{"a  b", {{"get_time", "{}"}, {"add", R"({"a": 1})"}}}));
  expect_no_calls("a [get_time()] [launch()] b");
  expect_no_calls("a [get_time()], {\"x\": 1}");
  expect_no_calls("a [get_time()] [get_time()](x)");
  expect_no_calls("a [get_time()]. b");
  EXPECT_EQ(parse("[get_time()], [get_time()] b").calls.size(), 2);
  EXPECT_EQ(parse("[get_time()] (x)").calls.size(), 1);
  EXPECT_EQ(parse("{\"name\": \"get_time\", \"parameters\": {}}(x)").content, "(x)");
  EXPECT_EQ(parse("a\n[get_time()]\n\n[get_time()]\nb").content, "a\n\nb");
  EXPECT_EQ(parse("[[get_time()]"), (ParsedToolCalls{"[", {{"get_time", "{}"}}}));
  EXPECT_EQ(parse("[launch(a=\"\n[get_time()]\n\")]").calls.size(), 0);
  EXPECT_EQ(parse("[launch]\n[get_time()]").content, "[launch]");
}

TEST(ToolCalls, BlanksAroundContent) {
  EXPECT_EQ(parse("\n Hello. \n[get_time()]\n bye \n").content, "Hello. \n\n bye");
  EXPECT_EQ(parse(" \n[get_time()]").content, "");
  EXPECT_EQ(parse(" Hello [get_time()] there ").content, " Hello [get_time()] there ");
}

TEST(ToolCalls, MarkdownCode) {
  for (const char* text : {"`` ` [get_time()]\n``", "`[get_time()]", "~~~\n[get_time()]\n~~~ x\n[get_time()]",
                           "a\n````\n```\n[get_time()]\n````", "```\n[get_time()]\n```\n```\n[get_time()]\n```",
                           "```json\n[get_time()]", "```json\n[launch()]\n```", "```json\n[get_time()] x\n```",
                           "```JSON\n[get_time()]\n```", "x\n  ```\n[get_time()]\n  ```", "```json [get_time()] ```"})
    expect_no_calls(text);
  EXPECT_EQ(calls_of("~~~\n[get_time()]\n~~~~ \n"), "get_time{}");
  EXPECT_EQ(calls_of("```\n[get_time()],\n\n{'name': 'add', 'arguments': {}};\n```"), "get_time{} add{}");
  EXPECT_EQ(calls_of("<|python_start|>```tool_code\n[get_time()]\n```<|python_end|>"), "get_time{}");
  EXPECT_EQ(parse("`a` [get_time()]").content, "`a`");
  EXPECT_EQ(parse("`a\n[get_time()]").content, "`a");
  EXPECT_EQ(parse("```\nx\n```\n[get_time()]").content, "```\nx\n```");
  EXPECT_EQ(parse("```a```\n[get_time()]").content, "```a```");
  EXPECT_EQ(parse("~ a\n~~ [get_time()]").calls.size(), 1);
  EXPECT_EQ(parse("```\n[get_time()]\n```\nAnd:\n[add(1)]").content, "```\n[get_time()]\n```\nAnd:");
}

TEST(ToolCalls, MarkersAreNeverContent) {
  EXPECT_EQ(parse_tool_calls("<|python_start|>a<|python_end|><|python_", {}).content, "a<|python_");
  EXPECT_EQ(parse("<|python_start|>`<|python_end|>` <|<|python_start|>python_end|>").content, "`` <|python_end|>");
  EXPECT_EQ(parse("[get_time(zone='<|python_end|>", true).content, "[get_time(zone='");
  EXPECT_EQ(parse("a [get_time()<|python_end|>]").content, "a [get_time()]");
}

TEST(ToolCalls, CutOutputs) {
  EXPECT_EQ(parse("[get_time(), ", true).calls.size(), 1);
  EXPECT_EQ(parse("[get_time(), ge", true).calls.size(), 1);
  expect_no_calls("[get_time(), laun", true);
  expect_no_calls("[get_time(), add(a=1+", true);
  EXPECT_EQ(parse("x [get_time()] [get_time(), add(", true).calls.size(), 2);
  expect_no_calls("x [get_time()] {\"na", true);
  expect_no_calls("```json\n[get_time()]\n``", true);
}

TEST(ToolCalls, ToolDefinitions) {
  const auto names = [](const char* json) -> std::string {
    const auto tools = ToolSet::from_json(Json::parse(json), "tools.json");
    if (!tools) return tools.error().message;
    std::string text;
    for (const Tool& tool : tools->sorted()) {
      text += tool.name + "(";
      for (const std::string& parameter : tool.parameters) text += parameter + ",";
      text += ")";
    }
    return text;
  };
  EXPECT_EQ(names(R"([{"name": "b", "input_schema": {"properties": {"z": {}, "a": {}}}}, "a", "b"])"), "a()b(z,a,)");
  EXPECT_EQ(names("null"), "");
  EXPECT_EQ(names(R"([{"name": "b", "parameters": [1]}, {"name": "c", "parameters": {"properties": 7}}])"), "b()c()");
  EXPECT_EQ(names(R"({"a": 1})"), "tools.json: expected an array of tools, found object");
  EXPECT_EQ(names(R"([{"type": "function", "function": {"name": 7}}])"),
            "tools.json: tool 0: expected an object with a string \"name\", found number");
}

TEST(ToolCalls, NamesThatBeginEachOther) {
  const ToolSet tools({{"get", {}}, {"get_time", {}}, {"get time", {}}, {"", {}}, {"ns:f/g", {}}});
  EXPECT_EQ(calls_of(parse_tool_calls("[get(), get_time (), ns:f/g()]", tools)), "get{} get_time{} ns:f/g{}");
  EXPECT_EQ(calls_of(parse_tool_calls("<function=get time></function>", tools)), "get time{}");
  EXPECT_TRUE(parse_tool_calls("[get_(), get()]", tools).calls.empty());
}

// Much of what costs most: a fraction of a second each, where quadratic time would be minutes.
TEST(ToolCalls, TimeIsLinear) {
#ifdef PADDOCK_SANITIZED
  constexpr size_t kSize = 1 << 16;
#else
  constexpr size_t kSize = 1 << 18;
#endif
  const auto repeated = [](std::string_view unit) {
    std::string text;
    while (text.size() < kSize) text += unit;
    return text;
  };
  const std::string inputs[] = {repeated("["),
                                repeated("{"),
                                repeated("<"),
                                repeated("`"),
                                repeated(" "),
                                repeated("\n"),
                                repeated("[get_time"),
                                repeated("a [get_time()]"),
                                repeated("a [get_time()] "),
                                repeated("[get_time()]"),
                                repeated("[get_time(),"),
                                repeated("<function=get_time>"),
                                repeated("{\"name\": "),
                                repeated("<|python_start|>"),
                                repeated("<|python_"),
                                "[search(tags=[" + repeated("1,") + "])]",
                                "[send_email(body='" + repeated("\\u00e9") + "')]",
                                "{\"name\": \"" + repeated("get_time"),
                                "{\"" + repeated("name"),
                                "[search(filters={" + repeated("'a': 1,"),
                                "```json\n" + repeated("[get_time()]\n"),
                                "```json\n" + repeated("[get_time()]\n") + "```",
                                "``" + repeated("` "),
                                "[add(a=" + repeated("1") + ")]",
                                "[add(a=0." + repeated("1") + ")]",
                                " " + repeated("a "),
                                "{\"name\": \"add\", \"parameters\": \"" + repeated("\\\"") + "\"}",
                                "[add(" + repeated("x") + "=1)]"};
  const std::clock_t begin = std::clock();  // of this process: others may keep the machine busy
  for (const std::string& input : inputs) {
    const ParsedToolCalls whole = parse(input);
    EXPECT_EQ(parse_pieces(input, all_tools(), false, [] { return 777; }), whole) << input.substr(0, 20);
  }
  EXPECT_LT((std::clock() - begin) / CLOCKS_PER_SEC, 60);
}

// Texts put together from what matters to the grammar.
TEST(ToolCalls, CutsDoNotMatterInRandomTexts) {
  const std::string_view units[] = {"[",
                                    "]",
                                    "{",
                                    "}",
                                    "(",
                                    ")",
                                    "get_time",
                                    "add",
                                    "a=",
                                    "1",
                                    ",",
                                    ";",
                                    " ",
                                    "\n",
                                    "'",
                                    "\"",
                                    "\"\"\"",
                                    "\\",
                                    "`",
                                    "```",
                                    "```json\n",
                                    "<function=",
                                    "get_time>",
                                    "</function>",
                                    "<|python_start|>",
                                    "<|python_end|>",
                                    "\"name\": ",
                                    "\"get_time\"",
                                    "\"arguments\": ",
                                    "{}",
                                    "[get_time()]",
                                    "{\"name\": \"add\", \"parameters\": {}}",
                                    "x",
                                    "é",
                                    "1e9",
                                    "\xE2\x82",
                                    "~~~"};
  std::mt19937 random(5);
  size_t calls = 0;
  for (int round = 0; round < 4000; ++round) {
    std::string text;
    for (size_t count = random() % 14; count > 0; --count) text += units[random() % std::size(units)];
    const ParsedToolCalls whole = parse(text, round % 2 == 0);
    calls += whole.calls.size();
    ASSERT_EQ(parse_pieces(text, all_tools(), round % 2 == 0, [] { return 1; }), whole) << text;
    ASSERT_EQ(parse_pieces(text, all_tools(), round % 2 == 0, [&] { return random() % 5 + 1; }), whole) << text;
    for (const ToolCall& call : whole.calls) arguments_of(call);
  }
  EXPECT_GT(calls, 500);
}

}  // namespace
}  // namespace paddock::text
