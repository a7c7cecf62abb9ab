// SPDX-License-Identifier: Apache-2.0
// A model that is not there, for checking the dialects with their real clients: reads a request's body from standard
// input and answers it by the parsers and writers of server/api. `canned_service ROUTE < BODY` prints one line of JSON:
// {"status", "content_type", "headers", "body"}. ROUTE is chat, completions, responses, messages, count_tokens, models,
// models_anthropic or openapi.
//
// What the model says: where it may call tools and no result has come yet, it calls each tool that it may call with
// {"city": "Graz"}; where a schema is given, {"city": "Graz", "celsius": 21}; else "Grüß Gott.".

#include <fmt/core.h>

#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

#include "server/api/model_list.h"
#include "server/api/openapi.h"
#include "server/api/parse.h"
#include "server/api/write.h"

namespace paddock::server {
namespace {

int print(const HttpAnswer& answer, const char* content_type) {
  Json headers = Json::object();
  for (const auto& [name, value] : answer.headers) headers[name] = value;
  const Json line{
      {"status", answer.status}, {"content_type", content_type}, {"headers", headers}, {"body", answer.body}};
  fmt::print("{}\n", json_text(line));
  return 0;
}

int print(const ApiResult<Json>& answer, Dialect dialect) {
  if (!answer) return print(http_error(answer.error(), dialect, "req_1"), "application/json");
  return print({.body = json_text(*answer)}, "application/json");
}

bool has_result(const Json& conversation) { return conversation["messages"].back()["role"] == "tool"; }

std::vector<std::string> tools_to_call(const CompletionRequest& request) {
  if (request.tool_choice.mode == ToolChoice::Mode::kNone || has_result(*request.conversation)) return {};
  std::vector<std::string> names = request.tool_choice.allowed;
  if (names.empty())
    for (const Json& tool : (*request.conversation)["tools"]) names.push_back(tool["function"]["name"]);
  if (!request.parallel_tool_calls) names.resize(1);
  return names;
}

void say(const CompletionRequest& request, int choice, std::vector<AnswerEvent>& events) {
  const std::vector<std::string> calls = request.conversation ? tools_to_call(request) : std::vector<std::string>{};
  for (const std::string& name : calls) {
    events.push_back(ToolCallBegun{choice, name});
    for (const char* piece : {"{\"city\"", ": \"Gr", "az\"}"}) events.push_back(ArgumentsDelta{choice, piece});
    events.push_back(ToolCallEnded{choice});
  }
  const bool is_json = request.format.kind != AnswerFormat::Kind::kText;
  const std::vector<std::string> words = is_json ? std::vector<std::string>{"{\"city\": \"Graz\", ", "\"celsius\": 21}"}
                                                 : std::vector<std::string>{"Grüß", " Gott."};
  for (const std::string& word : calls.empty() ? words : std::vector<std::string>{}) {
    if (request.logprobs >= 0)
      events.push_back(LogprobsDelta{choice, {{.chosen = {word, -0.5}, .best = {{word, -0.5}}}}});
    events.push_back(TextDelta{choice, word});
  }
  using Reason = ChoiceFinished::Reason;
  const Reason reason = request.max_tokens == 1 ? Reason::kLength : calls.empty() ? Reason::kStop : Reason::kToolCalls;
  events.push_back(ChoiceFinished{.choice = choice, .reason = reason});
}

std::vector<AnswerEvent> answer_events(const CompletionRequest& request) {
  std::vector<AnswerEvent> events = {AnswerStarted{{.prompt_tokens = 12, .cached_tokens = 4}}};
  for (int choice = 0; choice < request.choice_count(); ++choice) say(request, choice, events);
  events.push_back(AnswerFinished{{.prompt_tokens = 12, .cached_tokens = 4, .output_tokens = 5}});
  return events;
}

int answer(const ApiResult<CompletionRequest>& parsed, Dialect dialect) {
  if (!parsed) return print(http_error(parsed.error(), dialect, "req_1"), "application/json");
  const CompletionRequest& request = *parsed;
  if (request.model == "missing") return print(tl::unexpected(no_such_model(request.model)), dialect);
  const Identifiers identifiers = Identifiers::random();
  const AnswerContext context{.id = answer_id(request.route, identifiers),
                              .model = request.model,
                              .created = 1'700'000'000,
                              .fingerprint = "fp_canned",
                              .request_id = "req_1",
                              .identifiers = identifiers};
  const std::vector<AnswerEvent> events = answer_events(request);
  if (request.stream) {
    const auto writer = make_stream_writer(request, context);
    HttpAnswer streamed;
    for (const AnswerEvent& event : events) {
      for (const ServerSentEvent& sent : writer->events(event)) streamed.body += sent.text();
      if (std::holds_alternative<AnswerStarted>(event)) streamed.body += writer->keep_alive().text();
      if (request.user == "fail" && std::holds_alternative<TextDelta>(event))
        for (const ServerSentEvent& sent :
             writer->error({.kind = ApiErrorKind::kOverloaded, .message = "Out of breath"}))
          streamed.body += sent.text();
    }
    return print(streamed, "text/event-stream");
  }
  Answer whole(request, identifiers);
  for (const AnswerEvent& event : events) whole.add(event);
  return print(write_answer(request, context, whole), dialect);
}

int run(const std::string& route, const std::string& body) {
  const std::vector<ServedModel> models = {{.id = "canned", .created = 1'700'000'000, .context_tokens = 8192}};
  if (route == "chat") return answer(parse_chat(body), Dialect::kOpenAi);
  if (route == "completions") return answer(parse_completions(body), Dialect::kOpenAi);
  if (route == "responses") return answer(parse_responses(body, nullptr, "", Identifiers::random()), Dialect::kOpenAi);
  if (route == "messages") return answer(parse_messages(body), Dialect::kAnthropic);
  if (route == "models") return print(write_models(models), Dialect::kOpenAi);
  if (route == "models_anthropic") return print(write_model_page(models, {}), Dialect::kAnthropic);
  if (route == "openapi") return print(write_openapi("0", false, Json::object()), Dialect::kOpenAi);
  if (route == "count_tokens") {
    const auto parsed = parse_count_tokens(body);
    if (!parsed) return print(tl::unexpected(parsed.error()), Dialect::kAnthropic);
    return print(write_token_count(12), Dialect::kAnthropic);
  }
  fmt::print(stderr, "canned_service: no route {}\n", route);
  return 2;
}

}  // namespace
}  // namespace paddock::server

int main(int count, char** arguments) {
  if (count != 2) {
    fmt::print(stderr, "usage: canned_service ROUTE < BODY\n");
    return 2;
  }
  std::string body;
  if (std::string(arguments[1]).starts_with("models") || std::string(arguments[1]) == "openapi")
    return paddock::server::run(arguments[1], body);
  body.assign(std::istreambuf_iterator<char>(std::cin), {});
  return paddock::server::run(arguments[1], body);
}
