// SPDX-License-Identifier: Apache-2.0
// Walks the tables: every field that a specification knows is honoured, has no effect for a reason, or is refused by
// name.

#include "server/api/fields.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "server/api/parse.h"
#include "server/api/response_store.h"
#include "server/api/test_support.h"

namespace paddock::server {
namespace {

using testing::counting;
using testing::description;

struct RouteUnderTest {
  const char* name;
  const Shape* shape;
  const char* least;  // the smallest body
  std::function<ApiResult<CompletionRequest>(std::string_view)> parse;
};

// Knows one response, resp_old.
const ResponseStore& example_store() {
  static MemoryResponseStore store({}, [] { return int64_t{0}; });
  store.put("key",
            {.id = "resp_old",
             .response = share({{"id", "resp_old"}, {"output", Json::array()}}),
             .input = share(Json::parse(R"([{"type":"message","role":"user","content":"before","id":"msg_old"}])"))});
  return store;
}

const std::vector<RouteUnderTest>& routes() {
  static const std::vector<RouteUnderTest> all = {
      {"chat", &chat_shape(), R"({"model":"m","messages":[{"role":"user","content":"hi"}]})",
       [](std::string_view body) { return parse_chat(body); }},
      {"completions", &completions_shape(), R"({"model":"m","prompt":"hi"})",
       [](std::string_view body) { return parse_completions(body); }},
      {"responses", &responses_shape(), R"({"model":"m","input":"hi"})",
       [](std::string_view body) { return parse_responses(body, &example_store(), "key", counting()); }},
      {"messages", &messages_shape(), R"({"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}]})",
       [](std::string_view body) { return parse_messages(body); }},
      {"count_tokens", &count_tokens_shape(), R"({"model":"m","messages":[{"role":"user","content":"hi"}]})",
       [](std::string_view body) { return parse_count_tokens(body); }},
  };
  return all;
}

// Bodies that say something that the smallest one does not, by field; under "route.field" where a dialect has its own.
const std::map<std::string, const char*>& samples() {
  static const std::map<std::string, const char*> all = {
      {"model", R"({"model":"other"})"},
      {"messages", R"({"messages":[{"role":"user","content":"bye"}]})"},
      {"prompt", R"({"prompt":[[1,2],[3]]})"},
      {"input", R"({"input":[{"role":"user","content":"bye"}]})"},
      {"instructions", R"({"instructions":"Be brief."})"},
      {"system", R"({"system":"Be brief."})"},
      {"previous_response_id", R"({"previous_response_id":"resp_old"})"},
      {"store", R"({"store":false})"},
      {"max_tokens", R"({"max_tokens":5})"},
      {"max_completion_tokens", R"({"max_completion_tokens":5})"},
      {"max_output_tokens", R"({"max_output_tokens":5})"},
      {"n", R"({"n":3})"},
      {"best_of", R"({"n":2,"best_of":2})"},
      {"stop", R"({"stop":["x"]})"},
      {"stop_sequences", R"({"stop_sequences":["x"]})"},
      {"logprobs", R"({"logprobs":true})"},
      {"completions.logprobs", R"({"logprobs":2})"},
      {"top_logprobs", R"({"logprobs":true,"top_logprobs":3})"},
      {"responses.top_logprobs", R"({"top_logprobs":3})"},
      {"include", R"({"include":["message.output_text.logprobs"]})"},
      {"echo", R"({"echo":true})"},
      {"tools", R"({"tools":[{"type":"function","function":{"name":"f"}}]})"},
      {"responses.tools", R"({"tools":[{"type":"function","name":"f"}]})"},
      {"messages.tools", R"({"tools":[{"name":"f","input_schema":{"type":"object"}}]})"},
      {"tool_choice", R"({"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"required"})"},
      {"responses.tool_choice",
       R"({"tools":[{"type":"function","name":"f"}],"tool_choice":{"type":"function","name":"f"}})"},
      {"messages.tool_choice", R"({"tools":[{"name":"f","input_schema":{}}],"tool_choice":{"type":"any"}})"},
      {"parallel_tool_calls", R"({"parallel_tool_calls":false})"},
      {"response_format", R"({"response_format":{"type":"json_object"}})"},
      {"text", R"({"text":{"format":{"type":"json_schema","name":"a","schema":{"type":"string"}}}})"},
      {"output_config", R"({"output_config":{"format":{"type":"json_schema","schema":{"type":"string"}}}})"},
      {"output_format", R"({"output_format":{"type":"json_schema","schema":{"type":"string"}}})"},
      {"stream", R"({"stream":true})"},
      {"stream_options", R"({"stream_options":{"include_usage":true}})"},
      {"user", R"({"user":"u"})"},
      {"safety_identifier", R"({"safety_identifier":"u"})"},
      {"metadata", R"({"metadata":{"a":"b"}})"},
      {"messages.metadata", R"({"metadata":{"user_id":"u"}})"},
      {"temperature", R"({"temperature":0.5})"},
      {"top_p", R"({"top_p":0.5})"},
      {"top_k", R"({"top_k":5})"},
      {"min_p", R"({"min_p":0.5})"},
      {"presence_penalty", R"({"presence_penalty":0.5})"},
      {"frequency_penalty", R"({"frequency_penalty":0.5})"},
      {"repetition_penalty", R"({"repetition_penalty":1.5})"},
      {"repeat_penalty", R"({"repeat_penalty":1.5})"},
      {"logit_bias", R"({"logit_bias":{"7":-100}})"},
      {"seed", R"({"seed":7})"},
      {"ignore_eos", R"({"ignore_eos":true})"},
      {"stop_token_ids", R"({"stop_token_ids":[7]})"},
      {"regex", R"({"regex":"a+"})"},
      {"guided_regex", R"({"guided_regex":"a+"})"},
      {"grammar", R"({"grammar":"root ::= \"a\""})"},
      {"guided_grammar", R"({"guided_grammar":"root ::= \"a\""})"},
      {"json_schema", R"({"json_schema":{"type":"string"}})"},
      {"guided_json", R"({"guided_json":{"type":"string"}})"},
      {"guided_choice", R"({"guided_choice":["yes","no"]})"},
      {"priority", R"({"priority":5})"},
      {"deadline_ms", R"({"deadline_ms":5000})"},
      {"add_generation_prompt", R"({"add_generation_prompt":false})"},
      {"continue_final_message",
       R"({"continue_final_message":true,"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"We"}]})"},
      {"chat_template_kwargs", R"({"chat_template_kwargs":{"date":"today"}})"},
      {"documents", R"({"documents":[{"text":"d"}]})"},
      {"add_special_tokens", R"({"add_special_tokens":false})"},
  };
  return all;
}

// Honoured because the one value that they admit is what happens anyway.
const std::set<std::string>& single_valued() {
  static const std::set<std::string> all = {"verbosity", "service_tier",       "modalities", "truncation",
                                            "speed",     "context_management", "thinking",   "reasoning"};
  return all;
}

std::string body_with(const RouteUnderTest& route, const Json& more) {
  Json body = Json::parse(route.least);
  body.update(more);
  return body.dump();
}

TEST(Fields, HonouredOnesChangeWhatIsAskedFor) {
  for (const RouteUnderTest& route : routes()) {
    const Json plain = description(route.parse(route.least).value());
    const std::string dialect = route.name == std::string("count_tokens") ? "messages" : route.name;
    for (const Field& field : route.shape->fields) {
      if (field.treatment != Treatment::kHonoured || single_valued().contains(field.name)) continue;
      const bool has_own = samples().contains(dialect + "." + field.name);
      if (route.name == std::string("responses") && field.name == "stream_options") continue;  // refuses its one member
      ASSERT_TRUE(has_own || samples().contains(field.name)) << route.name << ": no sample for " << field.name;
      const Json sample = Json::parse(samples().at(has_own ? dialect + "." + field.name : field.name));
      const auto parsed = route.parse(body_with(route, sample));
      ASSERT_TRUE(parsed) << route.name << " " << field.name << ": " << parsed.error().message;
      EXPECT_TRUE(parsed->unknown_fields.empty()) << route.name << " " << field.name;
      EXPECT_NE(description(*parsed), plain) << route.name << ": " << field.name << " has no effect";
    }
  }
}

TEST(Fields, RefusedOnesAreRefusedByName) {
  for (const RouteUnderTest& route : routes())
    for (const Field& field : route.shape->fields) {
      if (field.treatment != Treatment::kRefused) continue;
      const auto parsed = route.parse(body_with(route, {{field.name, {{"something", 12345}}}}));
      ASSERT_FALSE(parsed) << route.name << " " << field.name;
      EXPECT_EQ(parsed.error().param, field.name);
      EXPECT_EQ(parsed.error().code, "unsupported_parameter");
      EXPECT_NE(parsed.error().message.find(field.name), std::string::npos);
      EXPECT_FALSE(field.note.empty());
      EXPECT_TRUE(route.parse(body_with(route, {{field.name, nullptr}}))) << field.name;
      for (const std::string& neutral : field.shape.constants)
        EXPECT_TRUE(route.parse(body_with(route, {{field.name, Json::parse(neutral)}}))) << field.name << neutral;
    }
}

TEST(Fields, OnesWithoutEffectSayWhy) {
  for (const RouteUnderTest& route : routes())
    for (const Field& field : route.shape->fields)
      EXPECT_FALSE(field.treatment != Treatment::kHonoured && field.note.empty()) << field.name;
}

TEST(Fields, WrongTypesAreBlamedOnTheField) {
  for (const RouteUnderTest& route : routes())
    for (const Field& field : route.shape->fields) {
      const bool takes_objects = field.shape.kind == Shape::Kind::kMap || field.shape.kind == Shape::Kind::kAnything;
      const Json wrong = takes_objects ? Json(true) : Json{{"a", {{"b", Json::array({1})}}}};
      if (field.shape.kind == Shape::Kind::kAnything) continue;
      const auto parsed = route.parse(body_with(route, {{field.name, wrong}}));
      if (parsed) {  // objects whose members are all optional
        EXPECT_EQ(field.shape.kind, Shape::Kind::kObject) << route.name << " " << field.name;
        continue;
      }
      EXPECT_TRUE(parsed.error().param.starts_with(field.name))
          << route.name << " " << field.name << " " << parsed.error().param;
      EXPECT_EQ(http_status(parsed.error().kind, Dialect::kOpenAi), 400);
    }
}

TEST(Fields, UnknownOnesAreLetThroughAndTold) {
  for (const RouteUnderTest& route : routes()) {
    const auto parsed = route.parse(body_with(route, {{"not_invented_yet", {1, 2}}}));
    ASSERT_TRUE(parsed) << route.name;
    EXPECT_EQ(parsed->unknown_fields, std::vector<std::string>{"not_invented_yet"}) << route.name;
  }
}

}  // namespace
}  // namespace paddock::server
