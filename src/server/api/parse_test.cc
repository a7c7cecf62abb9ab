// SPDX-License-Identifier: Apache-2.0
#include "server/api/parse.h"

#include <gtest/gtest.h>

#include "server/api/response_store.h"
#include "server/api/test_support.h"

namespace paddock::server {
namespace {

using testing::counting;
using Mode = ToolChoice::Mode;

CompletionRequest chat_of(const char* body) {
  auto parsed = parse_chat(body);
  EXPECT_TRUE(parsed) << parsed.error().message;
  return parsed ? std::move(*parsed) : CompletionRequest{};
}

TEST(ParseChat, ReadsSampling) {
  const CompletionRequest request = chat_of(R"({"model":"m","messages":[{"role":"user","content":"hi"}],
    "temperature":0.5,"top_p":0.25,"top_k":-1,"min_p":0.125,"seed":-3,"max_tokens":9,"max_completion_tokens":7,
    "presence_penalty":1,"frequency_penalty":-1,"logit_bias":{"12":-100},"logprobs":true,"top_logprobs":2,"n":3,
    "stop":"x","stream":true,"stream_options":{"include_usage":true}})");
  EXPECT_EQ(request.sampling.temperature, 0.5f);
  EXPECT_EQ(request.sampling.top_p, 0.25f);
  EXPECT_EQ(request.sampling.top_k, 0);
  EXPECT_EQ(request.sampling.min_p, 0.125f);
  EXPECT_EQ(request.sampling.seed, static_cast<uint64_t>(-3));
  EXPECT_TRUE(request.has_seed);
  EXPECT_EQ(request.sampling.logit_bias, (std::vector<std::pair<int32_t, float>>{{12, -100.0f}}));
  EXPECT_EQ(request.sampling.top_logprobs, 2);
  EXPECT_EQ(request.max_tokens, 7);
  EXPECT_EQ(request.choice_count(), 3);
  EXPECT_EQ(request.stops, std::vector<std::string>{"x"});
  EXPECT_TRUE(request.stream && request.include_usage);
}

TEST(ParseChat, NoTopPIsTheMostLikelyToken) {
  EXPECT_GT(chat_of(R"({"model":"m","messages":[{"role":"user","content":"hi"}],"top_p":0})").sampling.top_p, 0);
}

TEST(ParseChat, ReadsToolChoices) {
  const auto choice = [](const std::string& given) {
    const std::string body = R"({"model":"m","messages":[{"role":"user","content":"hi"}],"tools":[
      {"type":"function","function":{"name":"f"}},{"type":"function","function":{"name":"g"}}],"tool_choice":)" +
                             given + "}";
    return chat_of(body.c_str()).tool_choice;
  };
  EXPECT_EQ(choice("null").mode, Mode::kAuto);
  EXPECT_EQ(choice("\"none\"").mode, Mode::kNone);
  EXPECT_EQ(choice("\"required\"").mode, Mode::kRequired);
  const ToolChoice named = choice(R"({"type":"function","function":{"name":"g"}})");
  EXPECT_EQ(named.mode, Mode::kRequired);
  EXPECT_EQ(named.allowed, std::vector<std::string>{"g"});
  const ToolChoice some = choice(R"({"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[
    {"type":"function","function":{"name":"f"}}]}})");
  EXPECT_EQ(some.mode, Mode::kAuto);
  EXPECT_EQ(some.allowed, std::vector<std::string>{"f"});
}

TEST(ParseChat, ReadsFormats) {
  const auto format = [](const std::string& given) {
    return chat_of((R"({"model":"m","messages":[{"role":"user","content":"hi"}],)" + given + "}").c_str()).format;
  };
  EXPECT_EQ(format(R"("response_format":{"type":"text"})").kind, AnswerFormat::Kind::kText);
  EXPECT_EQ(format(R"("response_format":{"type":"json_object"})").kind, AnswerFormat::Kind::kJsonObject);
  const AnswerFormat schema = format(
      R"("response_format":{"type":"json_schema","json_schema":{"name":"s","strict":true,"schema":{"type":"string"}}})");
  EXPECT_EQ(schema.kind, AnswerFormat::Kind::kJsonSchema);
  EXPECT_TRUE(schema.strict);
  EXPECT_EQ(*schema.schema, Json::parse(R"({"type":"string"})"));
  EXPECT_EQ(format(R"("guided_choice":["a.b","c|d"])").source, "(?:a\\.b|c\\|d)");
  const auto both =
      parse_chat(R"({"model":"m","messages":[{"role":"user","content":"hi"}],"regex":"a","grammar":"b"})");
  ASSERT_FALSE(both);
  EXPECT_EQ(both.error().param, "grammar");
}

TEST(ParseChat, KeepsImagesForLater) {
  const CompletionRequest request = chat_of(R"({"model":"m","messages":[{"role":"user","content":[
    {"type":"text","text":"what"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AA"}}]}]})");
  EXPECT_EQ(request.images, std::vector<std::string>{"messages[0].content[1]"});
}

TEST(ParseChat, ChecksTokenIds) {
  const CompletionRequest request =
      chat_of(R"({"model":"m","messages":[{"role":"user","content":"hi"}],"logit_bias":{"500":1}})");
  EXPECT_TRUE(check_token_ids(request, 501));
  EXPECT_EQ(check_token_ids(request, 500).error().param, "logit_bias");
}

TEST(ParseCompletions, TakesTextsAndTokens) {
  const auto prompts = [](const char* prompt) {
    return parse_completions(std::string(R"({"model":"m","prompt":)") + prompt + "}").value().prompts;
  };
  EXPECT_EQ(prompts("\"a\""), std::vector<Prompt>{"a"});
  EXPECT_EQ(prompts(R"(["a","b"])"), (std::vector<Prompt>{"a", "b"}));
  EXPECT_EQ(prompts("[1,2]"), (std::vector<Prompt>{std::vector<int32_t>{1, 2}}));
  EXPECT_EQ(prompts("[[1,2],[3]]"), (std::vector<Prompt>{std::vector<int32_t>{1, 2}, std::vector<int32_t>{3}}));
  EXPECT_EQ(parse_completions(R"({"model":"m","prompt":"a"})")->max_tokens, 16);
}

TEST(ParseMessages, BecomeChatMessages) {
  const auto parsed = parse_messages(R"({"model":"m","max_tokens":5,"system":[{"type":"text","text":"Be brief."}],
    "messages":[{"role":"user","content":"weather?"},
      {"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"s"},{"type":"text","text":"I look."},
        {"type":"tool_use","id":"toolu_1","name":"weather","input":{"city":"Graz"}}]},
      {"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","is_error":true,"content":[{"type":"text","text":"rain"}]},
        {"type":"text","text":"and now?"}]}],
    "tools":[{"name":"weather","description":"d","input_schema":{"type":"object"}}],
    "tool_choice":{"type":"tool","name":"weather","disable_parallel_tool_use":true}})");
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(*parsed->conversation, Json::parse(R"({"messages":[
    {"role":"system","content":"Be brief."},
    {"role":"user","content":"weather?"},
    {"role":"assistant","content":"I look.","reasoning_content":"hm","tool_calls":[
      {"id":"toolu_1","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Graz\"}"}}]},
    {"role":"tool","tool_call_id":"toolu_1","content":[{"type":"text","text":"Error: "},{"type":"text","text":"rain"}]},
    {"role":"user","content":[{"type":"text","text":"and now?"}]}],
    "tools":[{"type":"function","function":{"name":"weather","description":"d","parameters":{"type":"object"}}}],
    "add_generation_prompt":true})"));
  EXPECT_EQ(parsed->tool_choice.mode, Mode::kRequired);
  EXPECT_FALSE(parsed->parallel_tool_calls);
}

TEST(ParseMessages, ImagesAreDataOrAddresses) {
  const auto parsed = parse_messages(R"({"model":"m","max_tokens":5,"messages":[{"role":"user","content":[
    {"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA"}},
    {"type":"image","source":{"type":"url","url":"https://images.example.com/a.png"}}]}]})");
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ((*parsed->conversation)["messages"][0]["content"], Json::parse(R"([
    {"type":"image_url","image_url":{"url":"data:image/png;base64,AA"}},
    {"type":"image_url","image_url":{"url":"https://images.example.com/a.png"}}])"));
  EXPECT_EQ(parsed->images, (std::vector<std::string>{"messages[0].content[0]", "messages[0].content[1]"}));
}

TEST(ParseMessages, GoesOnWithAnAnswerThatWasBegun) {
  const auto parsed = parse_messages(
      R"({"model":"m","max_tokens":5,"messages":[{"role":"user","content":"2+2?"},{"role":"assistant","content":"It is"}]})");
  ASSERT_TRUE(parsed);
  EXPECT_TRUE(parsed->continue_final_message);
  EXPECT_EQ((*parsed->conversation)["add_generation_prompt"], false);
}

TEST(ParseResponses, ItemsBecomeChatMessages) {
  const auto parsed = parse_responses(R"({"model":"m","instructions":"Be brief.","input":[
      {"role":"user","content":[{"type":"input_text","text":"weather?"}]},
      {"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"hm"}]},
      {"type":"message","id":"msg_1","status":"completed","role":"assistant","content":[{"type":"output_text","text":"I look.","annotations":[]}]},
      {"type":"function_call","call_id":"c1","name":"weather","arguments":"{}"},
      {"type":"function_call","call_id":"c2","name":"time","arguments":"{}"},
      {"type":"function_call_output","call_id":"c2","output":"noon"},
      {"type":"function_call_output","call_id":"c1","output":[{"type":"input_text","text":"rain"}]}]})",
                                      nullptr, "", counting());
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ((*parsed->conversation)["messages"], Json::parse(R"([
    {"role":"system","content":"Be brief."},
    {"role":"user","content":[{"type":"text","text":"weather?"}]},
    {"role":"assistant","content":[{"type":"text","text":"I look."}],"reasoning_content":"hm","tool_calls":[
      {"id":"c1","type":"function","function":{"name":"weather","arguments":"{}"}},
      {"id":"c2","type":"function","function":{"name":"time","arguments":"{}"}}]},
    {"role":"tool","tool_call_id":"c2","content":"noon"},
    {"role":"tool","tool_call_id":"c1","content":[{"type":"text","text":"rain"}]}])"));
  EXPECT_FALSE(parsed->store);
}

TEST(ParseResponses, GoesOnWithWhatWasStored) {
  MemoryResponseStore store({}, [] { return int64_t{0}; });
  const auto first = parse_responses(R"({"model":"m","input":"one"})", &store, "key", counting());
  ASSERT_TRUE(first && first->store);
  const Json response = Json::parse(R"({"id":"resp_1","output":[{"type":"message","id":"msg_9","role":"assistant",
    "status":"completed","content":[{"type":"output_text","text":"two","annotations":[]}]}]})");
  store.put("key", stored_turn(*first, share(response)));

  const char* next = R"({"model":"m","input":"three","previous_response_id":"resp_1"})";
  const auto second = parse_responses(next, &store, "key", counting());
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ((*second->conversation)["messages"], Json::parse(R"([
    {"role":"user","content":[{"type":"text","text":"one"}]},
    {"role":"assistant","content":[{"type":"text","text":"two"}]},
    {"role":"user","content":[{"type":"text","text":"three"}]}])"));
  const auto referred =
      parse_responses(R"({"model":"m","input":[{"type":"item_reference","id":"msg_9"},{"role":"user","content":"x"}]})",
                      &store, "key", counting());
  ASSERT_TRUE(referred);
  EXPECT_EQ((*referred->conversation)["messages"][0]["content"][0]["text"], "two");

  const char* twice =
      R"({"model":"m","input":[{"type":"item_reference","id":"msg_9"},{"type":"item_reference","id":"msg_9"}]})";
  EXPECT_EQ(parse_responses(twice, &store, "key", counting()).error().param, "input[1].id");
  const char* nobodys = R"({"model":"m","input":[{"type":"item_reference","id":"msg_9"}]})";
  EXPECT_EQ(parse_responses(nobodys, &store, "other", counting()).error().kind, ApiErrorKind::kNotFound);

  const auto foreign = parse_responses(next, &store, "other", counting());
  ASSERT_FALSE(foreign);
  EXPECT_EQ(foreign.error().code, "previous_response_not_found");
  EXPECT_FALSE(parse_responses(next, nullptr, "key", counting()));
}

struct Hostile {
  const char* body;
  const char* param;
};

void expect_refused(const Hostile& hostile, const ApiResult<CompletionRequest>& parsed) {
  ASSERT_FALSE(parsed) << hostile.body;
  EXPECT_EQ(parsed.error().param, hostile.param) << hostile.body << "\n" << parsed.error().message;
  EXPECT_GT(parsed.error().message.size(), 20u);
  EXPECT_EQ(http_status(parsed.error().kind, Dialect::kOpenAi), 400);
}

TEST(ParseChat, RefusesWhatIsWrong) {
  const Hostile cases[] = {
      {"", ""},
      {"[]", ""},
      {"null", ""},
      {"{\"model\":\"m\"", ""},
      {R"({"model":"m","model":"m","messages":[{"role":"user","content":"a"}]})", ""},
      {R"({"model":"m","messages":[{"role":"user","content":"\ud800"}]})", ""},
      {R"({"model":"m","messages":[{"role":"user","content":"a"}],"temperature":NaN})", ""},
      {R"({"model":"m","messages":[{"role":"user","content":"a"}],"temperature":1e999})", ""},
      {R"({"model":"m","messages":[{"role":"user","content":"a"}],"temperature":-0.1})", "temperature"},
      {R"({"model":"m","messages":[{"role":"user","content":"a"}],"temperature":2.5})", "temperature"},
      {R"({"model":"m","messages":[{"role":"user","content":"a"}],"temperature":"hot"})", "temperature"},
      {R"({"model":"m","messages":[{"role":"user","content":"a"}],"n":1000})", "n"},
      {R"({"model":"m","messages":[{"role":"user","content":"a"}],"max_tokens":0})", "max_tokens"},
      {R"({"model":"m","messages":[{"role":"user","content":"a"}],"max_tokens":1e30})", "max_tokens"},
      {R"({"model":"m","messages":[{"role":"user","content":"a"}],"stop":["a","b","c","d","e"]})", "stop"},
      {R"({"model":"m","messages":[{"role":"user","content":"a"}],"stop":[""]})", "stop[0]"},
      {R"({"model":"m","messages":[{"role":"user","content":"a"}],"logit_bias":{"x":1}})", "logit_bias"},
      {R"({"model":"m","messages":[{"role":"user","content":"a"}],"logit_bias":{"1":1000}})", "logit_bias.1"},
      {R"({"model":"m","messages":[{"role":"user","content":"a"}],"top_logprobs":2})", "top_logprobs"},
      {R"({"messages":[{"role":"user","content":"a"}]})", "model"},
      {R"({"model":"m"})", "messages"},
      {R"({"model":"m","messages":[]})", "messages"},
      {R"({"model":"m","messages":"hi"})", "messages"},
      {R"({"model":"m","messages":[7]})", "messages[0]"},
      {R"({"model":"m","messages":[{"content":"a"}]})", "messages[0].role"},
      {R"({"model":"m","messages":[{"role":"boss","content":"a"}]})", "messages[0].role"},
      {R"({"model":"m","messages":[{"role":"user"}]})", "messages[0].content"},
      {R"({"model":"m","messages":[{"role":"user","content":null}]})", "messages[0].content"},
      {R"({"model":"m","messages":[{"role":"user","content":[]}]})", "messages[0].content"},
      {R"({"model":"m","messages":[{"role":"assistant"}]})", "messages[0].content"},
      {R"({"model":"m","messages":[{"role":"user","content":"a"},{"role":"user","content":"b"},
           {"role":"user","content":[{"type":"text","text":5}]}]})",
       "messages[2].content[0].text"},
      {R"({"model":"m","messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{}}]}]})",
       "messages[0].content[0].type"},
      {R"({"model":"m","messages":[{"role":"tool","tool_call_id":"x","content":"a"}]})", "messages[0].tool_call_id"},
      {R"({"model":"m","messages":[{"role":"assistant","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]},
           {"role":"user","content":"b"}]})",
       "messages[1]"},
      {R"({"model":"m","messages":[{"role":"assistant","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]}]})",
       "messages"},
      {R"({"model":"m","messages":[{"role":"assistant","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":{}}}]}]})",
       "messages[0].tool_calls[0].function.arguments"},
      {R"({"model":"m","messages":[{"role":"user","content":"a"}],"tools":[{"type":"custom","custom":{"name":"f"}}]})",
       "tools[0].type"},
      {R"({"model":"m","messages":[{"role":"user","content":"a"}],"tools":[{"type":"function","function":{"name":"a b"}}]})",
       "tools[0].function.name"},
      {R"({"model":"m","messages":[{"role":"user","content":"a"}],"tools":[{"type":"function","function":{"name":"f"}},
           {"type":"function","function":{"name":"f"}}]})",
       "tools[1].function.name"},
      {R"({"model":"m","messages":[{"role":"user","content":"a"}],"tool_choice":"required"})", "tool_choice"},
      {R"({"model":"m","messages":[{"role":"user","content":"a"}],"tools":[{"type":"function","function":{"name":"f"}}],
           "tool_choice":{"type":"function","function":{"name":"g"}}})",
       "tool_choice"},
      {R"({"model":"m","messages":[{"role":"user","content":"a"}],"response_format":{"type":"xml"}})",
       "response_format.type"},
      {R"({"model":"m","messages":[{"role":"user","content":"a"}],"response_format":{"type":"json_schema"}})",
       "response_format.json_schema"},
      {R"({"model":"m","messages":[{"role":"user","content":"a"}],"chat_template_kwargs":{"messages":[]}})",
       "chat_template_kwargs.messages"},
      {R"({"model":"m","messages":[{"role":"user","content":"a"}],"continue_final_message":true})",
       "continue_final_message"},
      {R"({"model":"m","messages":[{"role":"user","content":"a"}],"stream":"yes"})", "stream"},
      {R"({"model":"m","messages":[{"role":"user","content":"a"}],"metadata":{"a":1}})", "metadata.a"},
  };
  for (const Hostile& hostile : cases) expect_refused(hostile, parse_chat(hostile.body));
}

TEST(ParseMessages, RefusesWhatIsWrong) {
  const Hostile cases[] = {
      {R"({"model":"m","messages":[{"role":"user","content":"a"}]})", "max_tokens"},
      {R"({"model":"m","max_tokens":1,"messages":[{"role":"user","content":""}]})", "messages[0].content"},
      {R"({"model":"m","max_tokens":1,"messages":[{"role":"user","content":"a"}],"temperature":1.5})", "temperature"},
      {R"({"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"x"}]}]})",
       "messages[0].content[0].tool_use_id"},
      {R"({"model":"m","max_tokens":1,"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"x","name":"f","input":{}}]},
           {"role":"user","content":"so?"}]})",
       "messages[1]"},
      {R"({"model":"m","max_tokens":1,"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"x","name":"f","input":"{}"}]}]})",
       "messages[0].content[0].input"},
      {R"({"model":"m","max_tokens":1,"messages":[{"role":"user","content":"a"}],"thinking":{"type":"enabled","budget_tokens":2000}})",
       "thinking.type"},
      {R"({"model":"m","max_tokens":1,"messages":[{"role":"user","content":"a"}],"tools":[{"type":"bash_20250124","name":"bash"}]})",
       "tools[0].type"},
      {R"({"model":"m","max_tokens":1,"messages":[{"role":"user","content":"a"}],"tool_choice":{"type":"any"}})",
       "tool_choice"},
      {R"({"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"document","source":{}}]}]})",
       "messages[0].content[0].type"},
  };
  for (const Hostile& hostile : cases) expect_refused(hostile, parse_messages(hostile.body));
}

TEST(ParseResponses, RefusesWhatIsWrong) {
  const Hostile cases[] = {
      {R"({"model":"m","input":[]})", "input"},
      {R"({"model":"m","input":[{"type":"web_search_call"}]})", "input[0].type"},
      {R"({"model":"m","input":[{"type":"function_call_output","call_id":"c","output":"x"}]})", "input[0].call_id"},
      {R"({"model":"m","input":[{"type":"function_call","call_id":"c","name":"f","arguments":"{}"}]})", "input"},
      {R"({"model":"m","input":[{"role":"user","content":[{"type":"input_image"}]}]})",
       "input[0].content[0].image_url"},
      {R"({"model":"m","input":"a","tools":[{"type":"web_search"}]})", "tools[0].type"},
      {R"({"model":"m","input":"a","background":true})", "background"},
      {R"({"model":"m","input":"a","truncation":"auto"})", "truncation"},
      {R"({"model":"m","input":"a","reasoning":{"effort":"high"}})", "reasoning.effort"},
      {R"({"model":"m","input":"a","previous_response_id":"resp_x"})", "previous_response_id"},
  };
  for (const Hostile& hostile : cases) expect_refused(hostile, parse_responses(hostile.body, nullptr, "", counting()));
}

TEST(ParseCompletions, RefusesWhatIsWrong) {
  const Hostile cases[] = {
      {R"({"model":"m"})", "prompt"},
      {R"({"model":"m","prompt":[]})", "prompt"},
      {R"({"model":"m","prompt":[1,"a"]})", "prompt[1]"},
      {R"({"model":"m","prompt":[-1]})", "prompt[0]"},
      {R"({"model":"m","prompt":"a","suffix":"b"})", "suffix"},
      {R"({"model":"m","prompt":["a","b"],"n":100})", "n"},
      {R"({"model":"m","prompt":"a","best_of":3})", "best_of"},
      {R"({"model":"m","prompt":"a","echo":true,"logprobs":1})", "echo"},
  };
  for (const Hostile& hostile : cases) expect_refused(hostile, parse_completions(hostile.body));
}

// Names of other dialects, and of other roles, are unknown here: what they hold has not been checked.
TEST(Parse, FieldsOfOthersAreNotRead) {
  const auto chat = parse_chat(R"({"model":"m","stop_sequences":5,"max_output_tokens":"x","messages":[
    {"role":"system","content":"a","tool_calls":7,"refusal":{}},{"role":"user","content":"b","tool_calls":[{"id":1}]}]})");
  ASSERT_TRUE(chat) << chat.error().message;
  EXPECT_EQ(chat->unknown_fields.size(), 5u);
  EXPECT_EQ(*chat->conversation,
            Json::parse(R"({"messages":[{"role":"system","content":"a"},{"role":"user","content":"b"}],
    "add_generation_prompt":true})"));
  const auto messages =
      parse_messages(R"({"model":"m","max_tokens":1,"stop":{},"seed":"s","presence_penalty":[],"n":"all",
    "response_format":1,"documents":2,"messages":[{"role":"user","content":"a"}]})");
  ASSERT_TRUE(messages) << messages.error().message;
  EXPECT_EQ(messages->choice_count(), 1);
}

TEST(ParseChat, BoundsDepthAndSize) {
  std::string deep = R"({"model":"m","messages":[{"role":"user","content":"a"}],"documents":[{"a":)";
  deep += std::string(100, '[') + std::string(100, ']') + "}]}";
  EXPECT_FALSE(parse_chat(deep));
  const std::string large =
      R"({"model":"m","messages":[{"role":"user","content":")" + std::string(10 << 20, 'x') + "\"}]}";
  EXPECT_TRUE(parse_chat(large));
  const auto too_large = parse_chat(large, {.body_bytes = 1 << 20});
  ASSERT_FALSE(too_large);
  EXPECT_EQ(http_status(too_large.error().kind, Dialect::kOpenAi), 413);
  const std::string text = std::string(2000, ',') + "\\\"" + std::string(2000, '[');
  const std::string chat = R"({"model":"m","messages":[{"role":"user","content":")";
  EXPECT_TRUE(parse_chat(chat + text + "\"}]}", {.values = 1000}));
  const auto crowded = parse_chat(chat + "a\"}],\"x\":[1" + std::string(2000, ',') + "]}", {.values = 1000});
  ASSERT_FALSE(crowded);
  EXPECT_EQ(http_status(crowded.error().kind, Dialect::kOpenAi), 413);
}

TEST(Parse, TakesJsonOnly) {
  EXPECT_TRUE(check_content_type("application/json"));
  EXPECT_TRUE(check_content_type("Application/JSON ; charset=utf-8"));
  for (const char* type :
       {"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; a=application/json"}) {
    const auto refused = check_content_type(type);
    ASSERT_FALSE(refused) << type;
    EXPECT_EQ(http_status(refused.error().kind, Dialect::kOpenAi), 415);
  }
}

TEST(Parse, TokenRoutes) {
  EXPECT_EQ(parse_tokenize(R"({"content":"a","with_pieces":true})")->text, "a");
  EXPECT_TRUE(parse_tokenize(R"({"messages":[{"role":"user","content":"a"}]})")->conversation);
  EXPECT_FALSE(parse_tokenize(R"({})"));
  EXPECT_FALSE(parse_tokenize(R"({"prompt":"a","messages":[{"role":"user","content":"a"}]})"));
  EXPECT_EQ(parse_detokenize(R"({"tokens":[1,2]})")->tokens, (std::vector<int32_t>{1, 2}));
  EXPECT_EQ(parse_detokenize(R"({"tokens":[1,"a"]})").error().param, "tokens[1]");
}

TEST(ParseAdapters, NeedsANameAndAPath) {
  const auto load = parse_load_adapter(R"({"lora_name":"a","lora_path":"b/c"})");
  ASSERT_TRUE(load);
  EXPECT_EQ(load->name + " " + load->path + " " + load->base_model, "a b/c ");
  EXPECT_EQ(parse_load_adapter(R"({"lora_name":"a","lora_path":"b","base_model_name":"m"})")->base_model, "m");
  EXPECT_EQ(parse_load_adapter(R"({"lora_name":"a"})").error().param, "lora_path");
  EXPECT_EQ(parse_load_adapter(R"({"lora_name":"","lora_path":"b"})").error().param, "lora_name");
  EXPECT_EQ(parse_load_adapter(R"({"lora_name":"a\nb","lora_path":"b"})").error().param, "lora_name");
  EXPECT_EQ(parse_load_adapter(R"({"lora_name":"a","lora_path":"b","load_inplace":true})").error().param,
            "load_inplace");
  EXPECT_EQ(parse_unload_adapter(R"({"lora_name":"a"})")->name, "a");
  EXPECT_EQ(parse_unload_adapter("{}").error().param, "lora_name");
}

}  // namespace
}  // namespace paddock::server
