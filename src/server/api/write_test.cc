// SPDX-License-Identifier: Apache-2.0
#include "server/api/write.h"

#include <gtest/gtest.h>

#include "server/api/answer_schemas.h"
#include "server/api/model_list.h"
#include "server/api/test_support.h"

namespace paddock::server {
namespace {

using testing::answer_with_calls;
using testing::answer_with_logprobs;
using testing::counting;
using testing::example_context;
using testing::streamed;
using testing::whole;
using Reason = ChoiceFinished::Reason;

CompletionRequest chat_request(const char* more = "") {
  return parse_chat(std::string(R"({"model":"m","messages":[{"role":"user","content":"hi"}])") + more + "}").value();
}
CompletionRequest responses_request(const char* more = "") {
  return parse_responses(std::string(R"({"model":"m","input":"hi")") + more + "}", nullptr, "", counting()).value();
}
CompletionRequest messages_request() {
  return parse_messages(R"({"model":"m","max_tokens":50,"messages":[{"role":"user","content":"hi"}]})").value();
}
CompletionRequest completions_request(const char* more = "") {
  return parse_completions(std::string(R"({"model":"m","prompt":"hi")") + more + "}").value();
}

// As much of JSON Schema as answer_schemas uses.
bool fits(const Json& value, const Json& schema) {
  const auto is_type = [&](const std::string& type) {
    return type == (value.is_number_integer() ? "integer" : value.type_name()) ||
           (type == "number" && value.is_number());
  };
  if (schema.contains("const") && value != schema["const"]) return false;
  if (schema.contains("enum") && std::find(schema["enum"].begin(), schema["enum"].end(), value) == schema["enum"].end())
    return false;
  if (schema.contains("type") && schema["type"].is_string() && !is_type(schema["type"])) return false;
  if (schema.contains("type") && schema["type"].is_array() &&
      !std::any_of(schema["type"].begin(), schema["type"].end(), [&](const Json& type) { return is_type(type); }))
    return false;
  if (schema.contains("anyOf") &&
      !std::any_of(schema["anyOf"].begin(), schema["anyOf"].end(), [&](const Json& one) { return fits(value, one); }))
    return false;
  if (value.is_object() && schema.contains("required"))
    for (const Json& name : schema["required"])
      if (!value.contains(name.get<std::string>())) return false;
  if (value.is_object() && schema.contains("properties"))
    for (const auto& [name, inner] : schema["properties"].items())
      if (value.contains(name) && !fits(value[name], inner)) return false;
  if (value.is_array() && schema.contains("items"))
    for (const Json& element : value)
      if (!fits(element, schema["items"])) return false;
  return true;
}

void expect_fits(const Json& answer, const char* schema) {
  EXPECT_TRUE(fits(answer, answer_schemas()[schema])) << schema << " " << answer.dump(1);
  Json broken = answer;
  broken.erase(broken.begin());
  EXPECT_FALSE(fits(broken, answer_schemas()[schema])) << schema;
}

std::vector<std::string> types_of(const std::vector<ServerSentEvent>& events) {
  std::vector<std::string> types;
  for (const ServerSentEvent& event : events) {
    types.push_back(event.name);
    EXPECT_EQ(Json::parse(event.data)["type"], event.name);
  }
  return types;
}

TEST(WriteChat, WholeAnswerWithCalls) {
  const Json answer = whole(chat_request(), answer_with_calls());
  expect_fits(answer, "ChatCompletion");
  const Json& choice = answer["choices"][0];
  EXPECT_EQ(choice["finish_reason"], "tool_calls");
  EXPECT_EQ(choice["message"]["content"], "Let me look.");
  EXPECT_EQ(choice["message"]["tool_calls"], Json::parse(R"([
    {"id":"call_1","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Graz\"}"}},
    {"id":"call_2","type":"function","function":{"name":"time","arguments":"{}"}}])"));
  EXPECT_EQ(answer["usage"]["total_tokens"], 31);
  EXPECT_EQ(answer["usage"]["prompt_tokens_details"]["cached_tokens"], 8);
}

TEST(WriteChat, CallsAloneHaveNoContent) {
  const Json answer =
      whole(chat_request(), {ToolCallBegun{0, "f"}, ToolCallEnded{0}, ChoiceFinished{}, AnswerFinished{}});
  EXPECT_TRUE(answer["choices"][0]["message"]["content"].is_null());
  EXPECT_EQ(whole(chat_request(), {ChoiceFinished{}, AnswerFinished{}})["choices"][0]["message"]["content"], "");
}

TEST(WriteChat, StreamsDeltas) {
  const CompletionRequest request = chat_request(R"(,"stream":true,"stream_options":{"include_usage":true})");
  const auto writer = make_stream_writer(request, example_context());
  const auto events = streamed(*writer, answer_with_calls());
  ASSERT_EQ(events.back().data, "[DONE]");
  std::string content;
  std::vector<std::string> arguments(2);
  std::vector<std::string> names;
  std::string finish;
  for (size_t index = 0; index + 2 < events.size(); ++index) {
    const Json chunk = Json::parse(events[index].data);
    EXPECT_EQ(chunk["object"], "chat.completion.chunk");
    EXPECT_TRUE(chunk.contains("usage") && chunk["usage"].is_null());
    const Json& delta = chunk["choices"][0]["delta"];
    EXPECT_EQ(delta.contains("role"), index == 0);
    if (delta.contains("content")) content += delta["content"].get<std::string>();
    if (delta.contains("tool_calls")) {
      const Json& call = delta["tool_calls"][0];
      arguments.at(call["index"]) += call["function"]["arguments"].get<std::string>();
      if (call.contains("id")) names.push_back(call["function"]["name"]);
    }
    if (chunk["choices"][0]["finish_reason"].is_string()) finish = chunk["choices"][0]["finish_reason"];
  }
  EXPECT_EQ(content, "Let me look.");
  EXPECT_EQ(arguments, (std::vector<std::string>{R"({"city":"Graz"})", "{}"}));
  EXPECT_EQ(names, (std::vector<std::string>{"weather", "time"}));
  EXPECT_EQ(finish, "tool_calls");
  const Json last = Json::parse(events[events.size() - 2].data);
  EXPECT_TRUE(last["choices"].empty());
  EXPECT_EQ(last["usage"]["completion_tokens"], 11);
}

TEST(WriteChat, LogprobsHoldBytes) {
  const CompletionRequest request = chat_request(R"(,"logprobs":true,"top_logprobs":2)");
  const Json answer = whole(request, answer_with_logprobs());
  expect_fits(answer, "ChatCompletion");
  EXPECT_EQ(answer["choices"][0]["logprobs"]["content"], Json::parse(R"([
    {"token":"Gr\ufffd","logprob":-0.25,"bytes":[71,114,195],"top_logprobs":[
      {"token":"Gr\ufffd","logprob":-0.25,"bytes":[71,114,195]},{"token":"H","logprob":-2.5,"bytes":[72]}]},
    {"token":"\ufffdß","logprob":-9999.0,"bytes":[188,195,159],"top_logprobs":[]}])"));
  const auto writer = make_stream_writer(request, example_context());
  size_t told = 0;
  for (const ServerSentEvent& event : streamed(*writer, answer_with_logprobs()))
    if (event.data != "[DONE]" && !Json::parse(event.data)["choices"][0]["logprobs"].is_null())
      told += Json::parse(event.data)["choices"][0]["logprobs"]["content"].size();
  EXPECT_EQ(told, 2u);
}

TEST(WriteCompletions, WholeAndStreamed) {
  const CompletionRequest request = completions_request(R"(,"n":2,"logprobs":1)");
  std::vector<AnswerEvent> events = {TextDelta{1, "b"}, ChoiceFinished{.choice = 1, .reason = Reason::kLength}};
  for (const AnswerEvent& event : answer_with_logprobs()) events.push_back(event);
  const Json answer = whole(request, events);
  expect_fits(answer, "TextCompletion");
  EXPECT_EQ(answer["choices"][0]["logprobs"],
            Json::parse(R"({"tokens":["Gr\ufffd","\ufffdß"],"token_logprobs":[-0.25,-9999.0],
    "top_logprobs":[{"Gr\ufffd":-0.25,"H":-2.5},{}],"text_offset":[0,3]})"));
  EXPECT_EQ(answer["choices"][1]["finish_reason"], "length");
  const auto writer = make_stream_writer(request, example_context());
  std::string text;
  for (const ServerSentEvent& event : streamed(*writer, events)) {
    const Json chunk = event.data == "[DONE]" ? Json::object({{"choices", Json::array()}}) : Json::parse(event.data);
    for (const Json& choice : chunk["choices"]) text += choice["text"].get<std::string>();
  }
  EXPECT_EQ(text, "bGrüß");
}

TEST(WriteMessages, WholeAnswer) {
  const Json answer = whole(messages_request(), answer_with_calls());
  expect_fits(answer, "Message");
  EXPECT_EQ(answer["content"], Json::parse(R"([{"type":"text","text":"Let me look."},
    {"type":"tool_use","id":"toolu_1","name":"weather","input":{"city":"Graz"}},
    {"type":"tool_use","id":"toolu_2","name":"time","input":{}}])"));
  EXPECT_EQ(answer["stop_reason"], "tool_use");
  EXPECT_EQ(answer["usage"]["input_tokens"], 12);
  EXPECT_EQ(answer["usage"]["cache_read_input_tokens"], 8);
  const Json stopped = whole(messages_request(), answer_with_logprobs());
  EXPECT_EQ(stopped["stop_reason"], "stop_sequence");
  EXPECT_EQ(stopped["stop_sequence"], "!");
}

TEST(WriteMessages, CutArgumentsAreStillAnObject) {
  const Json answer = whole(messages_request(), {ToolCallBegun{0, "f"}, ArgumentsDelta{0, "{\"a\":"},
                                                 ChoiceFinished{.reason = Reason::kLength}, AnswerFinished{}});
  EXPECT_EQ(answer["content"][0]["input"], Json::parse(R"({"INVALID_JSON":"{\"a\":"})"));
  EXPECT_EQ(answer["stop_reason"], "max_tokens");
}

TEST(WriteMessages, StreamsBlocksInOrder) {
  const CompletionRequest request = messages_request();
  const auto writer = make_stream_writer(request, example_context());
  const auto events = streamed(*writer, answer_with_calls());
  const std::string block = "content_block_";
  EXPECT_EQ(types_of(events), (std::vector<std::string>{
                                  "message_start", block + "start", block + "delta", block + "delta", block + "stop",
                                  block + "start", block + "delta", block + "delta", block + "stop", block + "start",
                                  block + "delta", block + "stop", "message_delta", "message_stop"}));
  EXPECT_EQ(Json::parse(events[0].data)["message"]["usage"]["cache_read_input_tokens"], 8);
  EXPECT_EQ(Json::parse(events[12].data)["usage"]["output_tokens"], 11);
  EXPECT_EQ(writer->keep_alive().text(), "event: ping\ndata: {\"type\":\"ping\"}\n\n");
}

TEST(WriteResponses, StreamsItemsInOrder) {
  const CompletionRequest request = responses_request();
  const auto writer = make_stream_writer(request, example_context());
  const auto events = streamed(*writer, answer_with_calls());
  const std::string call = "response.function_call_arguments.";
  EXPECT_EQ(types_of(events),
            (std::vector<std::string>{
                "response.created", "response.in_progress", "response.output_item.added", "response.content_part.added",
                "response.output_text.delta", "response.output_text.delta", "response.output_text.done",
                "response.content_part.done", "response.output_item.done", "response.output_item.added", call + "delta",
                call + "delta", call + "done", "response.output_item.done", "response.output_item.added",
                call + "delta", call + "done", "response.output_item.done", "response.completed"}));
  for (size_t index = 0; index < events.size(); ++index)
    EXPECT_EQ(Json::parse(events[index].data)["sequence_number"], index);
  const Json last = Json::parse(events.back().data)["response"];
  expect_fits(last, "Response");
  EXPECT_EQ(last, *writer->response());
  EXPECT_EQ(last["output"].size(), 3u);
  EXPECT_EQ(last["output"][1]["arguments"], R"({"city":"Graz"})");
  // The same answer in one piece differs in nothing but the names of its items.
  Json one = whole(request, answer_with_calls());
  ASSERT_EQ(one["output"].size(), 3u);
  for (size_t index = 0; index < 3; ++index)
    for (const char* name : {"id", "call_id"})
      if (one["output"][index].contains(name)) one["output"][index][name] = last["output"][index][name];
  EXPECT_EQ(one, last);
}

TEST(WriteResponses, CutAnswersAreIncomplete) {
  const Json cut = whole(responses_request(R"(,"max_output_tokens":1)"),
                         {TextDelta{0, "a"}, ChoiceFinished{.reason = Reason::kLength}, AnswerFinished{}});
  EXPECT_EQ(cut["status"], "incomplete");
  EXPECT_EQ(cut["incomplete_details"]["reason"], "max_output_tokens");
  EXPECT_EQ(cut["output"][0]["status"], "incomplete");
}

TEST(WriteResponses, LogprobsOnRequest) {
  const Json answer =
      whole(responses_request(R"(,"include":["message.output_text.logprobs"])"), answer_with_logprobs());
  expect_fits(answer, "Response");
  EXPECT_EQ(answer["output"][0]["content"][0]["logprobs"].size(), 2u);
}

TEST(Write, FailuresEndStreamsAndAreNoAnswers) {
  const std::vector<AnswerEvent> events = {TextDelta{0, "a"}, ChoiceFinished{.reason = Reason::kError},
                                           AnswerFinished{}};
  for (const CompletionRequest& request :
       {chat_request(), completions_request(), responses_request(), messages_request()}) {
    const auto writer = make_stream_writer(request, example_context());
    const auto sent = streamed(*writer, events);
    const Json last = Json::parse(sent.back().data);
    if (request.route == CompletionRequest::Route::kResponses)
      EXPECT_EQ(last["response"]["error"]["code"], "server_error");
    else
      EXPECT_TRUE(last.contains("error"));
    EXPECT_TRUE(writer->events(TextDelta{0, "late"}).empty());
    EXPECT_TRUE(writer->error({.message = "again"}).empty());
    const AnswerContext context = example_context();
    Answer answer(request, context.identifiers);
    for (const AnswerEvent& event : events) answer.add(event);
    EXPECT_FALSE(write_answer(request, context, answer));
  }
}

TEST(Write, CallsComeBackAsTheyWent) {
  const Json chat = whole(chat_request(), answer_with_calls())["choices"][0]["message"];
  const Json said{{"model", "m"},
                  {"messages",
                   {{{"role", "user"}, {"content", "hi"}},
                    chat,
                    {{"role", "tool"}, {"tool_call_id", chat["tool_calls"][1]["id"]}, {"content", "noon"}},
                    {{"role", "tool"}, {"tool_call_id", chat["tool_calls"][0]["id"]}, {"content", "rain"}}}}};
  const auto from_chat = parse_chat(said.dump());
  ASSERT_TRUE(from_chat) << from_chat.error().message;

  const Json message = whole(messages_request(), answer_with_calls());
  const Json result{{"role", "user"},
                    {"content",
                     {{{"type", "tool_result"}, {"tool_use_id", "toolu_2"}, {"content", "noon"}},
                      {{"type", "tool_result"}, {"tool_use_id", "toolu_1"}, {"content", "rain"}}}}};
  const Json told{
      {"model", "m"},
      {"max_tokens", 5},
      {"messages",
       {{{"role", "user"}, {"content", "hi"}}, {{"role", "assistant"}, {"content", message["content"]}}, result}}};
  const auto from_messages = parse_messages(told.dump());
  ASSERT_TRUE(from_messages) << from_messages.error().message;
  // But for the ids, both are the same conversation.
  Json left = (*from_chat->conversation)["messages"];
  const Json& right = (*from_messages->conversation)["messages"];
  ASSERT_EQ(left.size(), right.size());
  for (size_t index = 0; index < left.size(); ++index) EXPECT_EQ(left[index]["content"], right[index]["content"]);
  for (size_t index = 0; index < 2; ++index)
    EXPECT_EQ(left[1]["tool_calls"][index]["function"], right[1]["tool_calls"][index]["function"]);
}

TEST(WriteModels, BothShapes) {
  const std::vector<ServedModel> models = {{.id = "a", .created = 1'700'000'000, .context_tokens = 4096},
                                           {.id = "b"},
                                           {.id = "c", .images = ImageLimits{.images = 3, .bytes = 500}}};
  expect_fits(write_models(models), "ModelList");
  const Json page = write_model_page(models, {.after_id = "a", .limit = 1}).value();
  expect_fits(page, "ModelList");
  EXPECT_EQ(page["first_id"], "b");
  EXPECT_EQ(page["has_more"], true);
  EXPECT_EQ(write_model_page(models, {.before_id = "c", .limit = 1}).value()["first_id"], "b");
  EXPECT_EQ(write_model_page(models, {}).value()["data"][0]["created_at"], "2023-11-14T22:13:20Z");
  EXPECT_FALSE(write_model_page(models, {.limit = 0}));
  EXPECT_FALSE(write_model_page(models, {.after_id = "z"}));
  const Json blind = write_model(models, "b", Dialect::kOpenAi).value();
  expect_fits(blind, "Model");
  EXPECT_EQ(blind["input_modalities"], Json::array({"text"}));
  EXPECT_FALSE(blind.contains("image_limits"));
  const Json seer = write_model(models, "c", Dialect::kOpenAi).value();
  EXPECT_EQ(seer["input_modalities"], Json::array({"text", "image"}));
  EXPECT_EQ(seer["image_limits"], Json({{"images", 3}, {"bytes", 500}}));
  EXPECT_EQ(write_model(models, "z", Dialect::kOpenAi).error().code, "model_not_found");
}

TEST(WriteErrors, StatusesOfBothDialects) {
  const ApiError limited{.kind = ApiErrorKind::kRateLimit, .message = "Slow down", .retry_after_seconds = 7};
  const HttpAnswer openai = http_error(limited, Dialect::kOpenAi, "req_1");
  EXPECT_EQ(openai.status, 429);
  EXPECT_EQ(openai.headers[0], (std::pair<std::string, std::string>{"retry-after", "7"}));
  EXPECT_EQ(openai.body,
            R"({"error":{"message":"Slow down","type":"rate_limit_error","param":null,"code":"rate_limit_exceeded"}})");
  EXPECT_EQ(http_error(limited, Dialect::kAnthropic, "req_1").body,
            R"({"type":"error","error":{"type":"rate_limit_error","message":"Slow down"},"request_id":"req_1"})");
  EXPECT_EQ(http_status(ApiErrorKind::kOverloaded, Dialect::kOpenAi), 503);
  EXPECT_EQ(http_status(ApiErrorKind::kOverloaded, Dialect::kAnthropic), 529);
  EXPECT_EQ(http_status(to_api_error({ErrorCode::kLimit, "too long"}).kind, Dialect::kOpenAi), 400);
  EXPECT_EQ(http_status(to_api_error({ErrorCode::kIo, "disk"}).kind, Dialect::kOpenAi), 500);
  expect_fits(openai_error(limited), "OpenAiError");
  expect_fits(anthropic_error(limited, "r"), "AnthropicError");
}

}  // namespace
}  // namespace paddock::server
