// SPDX-License-Identifier: Apache-2.0
// The server as its clients meet it: the real program, a small model, sockets of this machine.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include "tests/support/running_server.h"

namespace paddock::test {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

TEST(Serve, AnswersWholeAndInPieces) {
  ScratchFolder scratch;
  RunningServer server(scratch);
  Json request = chat("Tell me a story.", 7, 24);
  const net::TestResponse whole = server.post("/v1/chat/completions", request);
  ASSERT_EQ(whole.status, 200) << whole.body;
  const Json answer = Json::parse(whole.body);
  EXPECT_EQ(answer["usage"]["completion_tokens"], 24);
  EXPECT_EQ(answer["choices"][0]["finish_reason"], "length");
  request["stream"] = true;
  request["stream_options"] = {{"include_usage", true}};
  const net::TestResponse stream = server.post("/v1/chat/completions", request);
  EXPECT_EQ(stream.status, 200);
  std::string text;
  Json usage;
  for (size_t at = 0; (at = stream.body.find("data: {", at)) != std::string::npos; ++at) {
    const Json chunk = Json::parse(stream.body.substr(at + 6, stream.body.find('\n', at) - at - 6));
    for (const Json& choice : chunk["choices"]) text += choice["delta"].value("content", "");
    if (chunk.contains("usage") && !chunk["usage"].is_null()) usage = chunk["usage"];
  }
  EXPECT_EQ(text, answer["choices"][0]["message"]["content"]);
  EXPECT_EQ(usage["completion_tokens"], 24);
  EXPECT_GT(usage["prompt_tokens_details"]["cached_tokens"], 0) << "the prompt was there already";
  EXPECT_THAT(stream.body, testing::EndsWith("data: [DONE]\n\n"));

  const net::TestResponse message = server.post(
      "/v1/messages", {{"model", "tiny"}, {"max_tokens", 5}, {"messages", {{{"role", "user"}, {"content", "Hello"}}}}});
  EXPECT_EQ(message.status, 200) << message.body;
  EXPECT_EQ(Json::parse(message.body)["type"], "message");
  EXPECT_FALSE(message.header("request-id").empty()) << "what Anthropic's clients call it";
  const net::TestResponse response =
      server.post("/v1/responses", {{"model", "tiny"}, {"input", "Hello"}, {"max_output_tokens", 16}});
  ASSERT_EQ(response.status, 200) << response.body << server.program().error_so_far();
  const std::string id = Json::parse(response.body)["id"];
  EXPECT_EQ(server.get("/v1/responses/" + id).status, 200);
  const net::TestResponse tokens = server.post("/tokenize", {{"model", "tiny"}, {"prompt", "Hello"}});
  EXPECT_EQ(tokens.status, 200) << tokens.body;
}

// What the promise is worth: sixty-four requests at once, with beginnings in common and places for a few, against each
// of them alone on a server that shares nothing.
TEST(Serve, GivesTheSameTokensInACrowdAsAlone) {
  ScratchFolder scratch, other;
  RunningServer crowd(scratch, {"--sequences", "5", "--speculate", "4"}),
      alone(other, {"--no-prefix-sharing", "--prefill-batch", "37"});
  std::vector<Json> requests;
  for (int index = 0; index < 64; ++index) {
    std::string text = index % 3 == 0 ? std::string(200, 'a') : "Question " + std::to_string(index);
    requests.push_back(chat(text + (index % 2 == 0 ? "?" : " " + std::to_string(index)), index, 1 + index % 30));
  }
  std::vector<std::future<std::string>> answers;
  for (const Json& request : requests)
    answers.push_back(std::async(std::launch::async, [&] { return crowd.text_of(request); }));
  for (size_t index = 0; index < requests.size(); ++index)
    EXPECT_EQ(answers[index].get(), alone.text_of(requests[index])) << index;
  EXPECT_GT(crowd.metric("paddock_cached_tokens_total"), 0);
  EXPECT_EQ(alone.metric("paddock_cached_tokens_total"), 0);
}

// Answers of three tokens: there is much to guess.
TEST(Serve, GuessesChangeNothingButTheSteps) {
  ScratchFolder scratch, other;
  RunningServer guessing(scratch, {"--speculate", "6", "--sequences", "3"}), plain(other);
  for (const double temperature : {0.0, 0.3})
    for (int index = 0; index < 4; ++index) {
      Json request = chat("Question " + std::to_string(index), index, 120);
      request["temperature"] = temperature;
      request["logit_bias"] = {{"300", 60}, {"301", 60}, {"302", 60}};
      EXPECT_EQ(guessing.text_of(request), plain.text_of(request));
    }
  const double accepted = guessing.metric("paddock_accepted_tokens_total");
  EXPECT_GT(accepted, 100);
  EXPECT_GE(guessing.metric("paddock_drafted_tokens_total"), accepted);
  EXPECT_LT(guessing.metric("paddock_engine_steps_total"), plain.metric("paddock_engine_steps_total") - accepted / 2);
  EXPECT_EQ(plain.metric("paddock_drafted_tokens_total"), 0);
}

TEST(Serve, HoldsAnswersToTheirForm) {
  ScratchFolder scratch;
  RunningServer server(scratch);
  for (int seed = 0; seed < 5; ++seed) {
    Json request = chat("A person.", seed, 200);
    request.erase("ignore_eos");
    request["response_format"] =
        Json::parse(R"({"type": "json_schema", "json_schema": {"name": "person", "strict": true, "schema":
      {"type": "object", "properties": {"name": {"type": "string", "maxLength": 5}, "age": {"type": "integer", "minimum": 0, "maximum": 99}},
       "required": ["name", "age"], "additionalProperties": false}}})");
    const net::TestResponse response = server.post("/v1/chat/completions", request);
    ASSERT_EQ(response.status, 200) << response.body;
    const Json person = Json::parse(Json::parse(response.body)["choices"][0]["message"]["content"].get<std::string>());
    EXPECT_EQ(person.size(), 2u);
    EXPECT_LE(person["age"].get<int>(), 99);

    request.erase("response_format");
    request["tools"] = Json::parse(R"([{"type": "function", "function": {"name": "look_up", "parameters":
      {"type": "object", "properties": {"day": {"enum": ["today", "tomorrow"]}}, "required": ["day"], "additionalProperties": false}}}])");
    request["tool_choice"] = "required";
    request["parallel_tool_calls"] = false;
    const net::TestResponse called = server.post("/v1/chat/completions", request);
    ASSERT_EQ(called.status, 200) << called.body;
    const Json choice = Json::parse(called.body)["choices"][0];
    ASSERT_TRUE(choice["message"].contains("tool_calls")) << called.body;
    const Json call = choice["message"]["tool_calls"][0]["function"];
    EXPECT_EQ(call["name"], "look_up");
    EXPECT_THAT(Json::parse(call["arguments"].get<std::string>())["day"].get<std::string>(),
                testing::AnyOf("today", "tomorrow"));
    EXPECT_EQ(choice["finish_reason"], "tool_calls");
  }
  Json refused = chat("A person.", 1, 5);
  refused["response_format"] = {{"type", "json_schema"},
                                {"json_schema", {{"name", "x"}, {"schema", {{"not", Json::object()}}}}}};
  const net::TestResponse response = server.post("/v1/chat/completions", refused);
  EXPECT_EQ(response.status, 400);
  EXPECT_THAT(response.body, HasSubstr("not"));
}

// The model would rather call; where it may not say how a call goes on, it answers.
TEST(Serve, LetsAModelCallOrAnswerInAForm) {
  ScratchFolder scratch;
  RunningServer server(scratch);
  Json request = chat("What is the weather?", 1, 200);
  request.erase("ignore_eos");
  request["response_format"] = Json::parse(R"({"type": "json_schema", "json_schema": {"name": "age", "strict": true,
    "schema": {"type": "object", "properties": {"age": {"type": "integer", "minimum": 0, "maximum": 99}},
               "required": ["age"], "additionalProperties": false}}})");
  request["tools"] = Json::parse(R"([{"type": "function", "function": {"name": "look_up", "parameters":
    {"type": "object", "properties": {"day": {"enum": ["today", "tomorrow"]}}, "required": ["day"], "additionalProperties": false}}}])");
  request["parallel_tool_calls"] = false;
  const auto choice_of = [&] {
    const net::TestResponse response = server.post("/v1/chat/completions", request);
    EXPECT_EQ(response.status, 200) << response.body;
    return Json::parse(response.body)["choices"][0];
  };
  const Json called = choice_of();
  ASSERT_EQ(called["finish_reason"], "tool_calls") << called;
  EXPECT_EQ(called["message"]["tool_calls"][0]["function"]["name"], "look_up");

  for (const char* beginning : {"n", "name"}) {
    const net::TestResponse tokens = server.post("/tokenize", {{"model", "tiny"}, {"prompt", beginning}});
    ASSERT_EQ(tokens.status, 200) << tokens.body;
    request["logit_bias"][Json::parse(tokens.body)["tokens"].back().dump()] = -100;
  }
  const Json answered = choice_of();
  ASSERT_EQ(answered["finish_reason"], "stop") << answered;
  EXPECT_LE(Json::parse(answered["message"]["content"].get<std::string>())["age"].get<int>(), 99);
}

TEST(Serve, EveryRouteButHealthNeedsAKeyOnceThereIsOne) {
  ScratchFolder scratch;
  RunningServer server(scratch);
  EXPECT_EQ(server.get("/v1/models").status, 200);
  const Json paths = Json::parse(server.get("/openapi.json").body)["paths"];
  const std::string key = make_key(scratch, "test");
  for (int tries = 0; tries < 50 && server.get("/v1/models").status == 200; ++tries)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  ASSERT_GT(paths.size(), 12u);
  for (const auto& [path, methods] : paths.items())
    for (const auto& [method, described] : methods.items()) {
      if (method == "parameters") continue;
      const std::string upper = method == "get" ? "GET" : method == "post" ? "POST" : "DELETE";
      const auto status = server.client().ask(server.head(upper, path, "Content-Length: 0\r\n") + "\r\n").status;
      EXPECT_EQ(status, path == "/health" ? 200 : 401) << upper << " " << path;
    }
  for (const char* page : {"/", "/status", "/web/style.css"}) {
    const net::TestResponse refused = server.get(page);
    EXPECT_EQ(refused.status, 401) << page;
    EXPECT_THAT(refused.header("www-authenticate"), testing::StartsWith("Basic ")) << "browsers ask for the key";
  }
  EXPECT_EQ(server.get("/v1/models").header("www-authenticate"), "Bearer realm=\"paddock\"");
  EXPECT_EQ(server.get("/v1/models", "Authorization: Bearer " + key + "\r\n").status, 200);
  EXPECT_EQ(server.get("/v1/models", "x-api-key: " + key + "\r\n").status, 200);
  EXPECT_EQ(server.get("/v1/models", "Authorization: Bearer " + key + "x\r\n").status, 401);
  EXPECT_EQ(server.get("/metrics", "Authorization: Bearer " + key + "\r\n").status, 403) << "a key for inference";
  EXPECT_EQ(server.post("/v1/chat/completions", chat("Hello", 1, 3), "Authorization: Bearer " + key + "\r\n").status,
            200);
  server.program().send_signal(SIGTERM);
  const Ran ended = server.program().finish();
  EXPECT_EQ(ended.status, 0);
  EXPECT_EQ(ended.err.find(key), std::string::npos) << "secrets never reach a log";
  const Ran usage = run_program({"keys", "usage", "--database", scratch.path("keys.db"), "--json"});
  EXPECT_THAT(usage.out, HasSubstr("\"output_tokens\""));
  EXPECT_EQ(run_program({"audit", "verify", scratch.path("audit")}).status, 0);
}

TEST(Serve, PagesOfOthersCannotUseIt) {
  ScratchFolder scratch;
  RunningServer server(scratch, {"--allowed-origin", "https://app.example"});
  const auto with_host = [&](const std::string& host) {
    return server.client().ask("GET /v1/models HTTP/1.1\r\nHost: " + host + "\r\n\r\n").status;
  };
  EXPECT_EQ(with_host("localhost:1"), 200);
  EXPECT_EQ(with_host("evil.example"), 403) << "a name that was rebound to this machine";
  EXPECT_EQ(server.get("/v1/models", "Origin: https://evil.example\r\n").status, 403);
  const net::TestResponse allowed = server.get("/v1/models", "Origin: https://app.example\r\n");
  EXPECT_EQ(allowed.status, 200);
  EXPECT_THAT(allowed.head, HasSubstr("https://app.example"));
  const std::string body = chat("Hello", 1, 2).dump();
  EXPECT_THAT(allowed.head, HasSubstr("access-control-expose-headers: *"));
  // What a browser asks first: clients in pages send fields of their own.
  const net::TestResponse asked =
      server.client().ask(server.head("OPTIONS", "/v1/responses/resp_1",
                                      "Origin: https://app.example\r\nAccess-Control-Request-Method: GET\r\n"
                                      "Access-Control-Request-Headers: authorization,x-stainless-lang\r\n") +
                          "\r\n");
  EXPECT_EQ(asked.status, 204);
  EXPECT_EQ(asked.header("allow"), "DELETE, GET, HEAD, OPTIONS");
  EXPECT_EQ(asked.header("access-control-allow-methods"), "DELETE, GET, HEAD");
  EXPECT_EQ(asked.header("access-control-allow-headers"), "authorization,x-stainless-lang");
  EXPECT_EQ(server.client()
                .ask(server.head("POST", "/v1/chat/completions", "Content-Type: text/plain\r\nContent-Length: ") +
                     std::to_string(body.size()) + "\r\n\r\n" + body)
                .status,
            415)
      << "a form can send text";
}

TEST(Serve, WhatIsWrongIsRefusedWithASentence) {
  ScratchFolder scratch;
  RunningServer server(scratch);
  const std::string deep = std::string(5000, '[') + std::string(5000, ']');
  for (const std::string& body :
       {std::string(), std::string("{"), std::string("[]"), std::string("null"), deep,
        std::string(R"({"messages": []})"), std::string(R"({"messages": [{"role": "user", "content": "\ud800"}]})"),
        std::string(R"({"messages": [{"role": "user", "content": "a"}], "temperature": NaN})"),
        std::string(R"({"messages": [{"role": "user", "content": "a"}], "temperature": 9})"),
        std::string(R"({"messages": [{"role": "user", "content": "a"}], "max_tokens": "5"})"),
        std::string(R"({"messages": [{"role": "user", "content": "a"}], "messages": []})"),
        std::string(R"({"model": "other", "messages": [{"role": "user", "content": "a"}]})"),
        std::string(R"({"messages": [{"role": "user", "content": ")") + std::string(20000, 'x') + R"( "}]})"}) {
    const net::TestResponse response =
        server.client().ask(server.post_text("/v1/chat/completions", body), std::chrono::seconds(30));
    EXPECT_GE(response.status, 400) << body.substr(0, 80);
    EXPECT_LT(response.status, 500) << body.substr(0, 80);
    EXPECT_TRUE(Json::parse(response.body)["error"]["message"].get<std::string>().size() > 10) << response.body;
  }
  EXPECT_EQ(server.get("/v1/models?limit=0").status, 400);
  EXPECT_EQ(server.get("/nothing").status, 404);
  EXPECT_EQ(server.client().ask(server.head("PUT", "/v1/models", "Content-Length: 0\r\n") + "\r\n").status, 405);
  EXPECT_EQ(server.get("/ready").status, 200) << "and it still works";
}

TEST(Serve, WhoGoesAwayIsNotComputedFor) {
  ScratchFolder scratch;
  RunningServer server(scratch);
  Json request = chat("Hello", 1, 900);
  {
    net::TestClient whole = server.client();
    whole.send(server.post_text("/v1/chat/completions", request.dump()));
    request["stream"] = true;
    net::TestClient stream = server.client();
    stream.send(server.post_text("/v1/chat/completions", request.dump()));
    ASSERT_TRUE(stream.receive_until("delta"));
  }
  const std::string cancelled = "paddock_completions_total{finish_reason=\"cancelled\"";
  EXPECT_TRUE(net::becomes_true([&] { return server.metric(cancelled) == 2; }));
  EXPECT_EQ(server.metric("paddock_requests_running"), 0);
  EXPECT_LT(server.metric("paddock_output_tokens_total"), 1800);
  EXPECT_EQ(server.metric("paddock_requests_total{code=\"499\""), 1) << "no mistake of the server";
  EXPECT_EQ(server.metric("paddock_requests_total{code=\"5"), 0);
}

TEST(Serve, AnswersFinishBeforeItEnds) {
  ScratchFolder scratch;
  RunningServer server(scratch);
  Json request = chat("Hello", 1, 300);
  request["stream"] = true;
  net::TestClient client = server.client();
  client.send(server.post_text("/v1/chat/completions", request.dump()));
  ASSERT_TRUE(client.receive_until("delta"));
  server.program().send_signal(SIGTERM);
  ASSERT_TRUE(client.receive_until("data: [DONE]"));
  EXPECT_EQ(server.program().finish().status, 0);
}

// Killed in the middle of many answers: keys, usage, audit trail and kept prefixes are whole when it comes back.
TEST(Serve, SurvivesBeingKilled) {
  ScratchFolder scratch;
  const Arguments folder = {"--prefix-folder", scratch.path("prefixes")};
  {
    RunningServer server(scratch, folder);
    for (int index = 0; index < 5; ++index) server.text_of(chat("Hello" + std::string(500, 'o'), index, 3));
    std::vector<net::TestClient> clients;
    for (int index = 0; index < 8; ++index) {
      clients.push_back(server.client());
      clients.back().send(server.post_text("/v1/chat/completions", chat("Hello", index, 900).dump()));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    server.kill_it();
  }
  EXPECT_EQ(run_program({"audit", "verify", scratch.path("audit")}).status, 0);
  RunningServer again(scratch, folder);
  EXPECT_EQ(again.program().error_so_far().find("is removed"), std::string::npos) << "no page is half a page";
  EXPECT_FALSE(again.text_of(chat("Hello", 1, 3)).empty());
  again.program().send_signal(SIGTERM);
  EXPECT_EQ(again.program().finish().status, 0);
  const Ran verified = run_program({"audit", "verify", scratch.path("audit")});
  EXPECT_EQ(verified.status, 0) << verified.out << verified.err;
}

// What was computed survives even that, and damaged files do no harm.
TEST(Serve, RemembersPrefixesOverBeingKilled) {
  ScratchFolder scratch;
  const Arguments folder = {"--prefix-folder", scratch.path("prefixes")};
  const Json request = chat(std::string(600, 'a') + "?", 5, 20);
  const auto answer_of = [&](const RunningServer& server) {
    const net::TestResponse response = server.post("/v1/chat/completions", request);
    EXPECT_EQ(response.status, 200) << response.body;
    return Json::parse(response.body);
  };
  const auto cached = [](const Json& answer) {
    return answer["usage"]["prompt_tokens_details"]["cached_tokens"].get<int64_t>();
  };
  const auto text = [](const Json& answer) { return answer["choices"][0]["message"]["content"]; };
  Json first;
  {
    RunningServer server(scratch, folder);
    first = answer_of(server);
    EXPECT_EQ(cached(first), 0);
    double written = 0;
    for (int tries = 0; tries < 200; ++tries) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      const double now = server.metric("paddock_prefix_folder_pages_total{model=\"tiny\",what=\"written\"}");
      if (now > 0 && now == written) break;
      written = now;
    }
    EXPECT_GT(written, 0);
    server.kill_it();
  }
  const fs::path pages = fs::path(scratch.path("prefixes")) / "model-tiny";
  std::ofstream(pages / "123.global.1-1.part") << "begun";
  {
    RunningServer again(scratch, folder);
    EXPECT_FALSE(fs::exists(pages / "123.global.1-1.part"));
    const Json answer = answer_of(again);
    EXPECT_EQ(text(answer), text(first));
    EXPECT_GT(cached(answer), answer["usage"]["prompt_tokens"].get<int64_t>() - 64);
    EXPECT_GT(again.metric("paddock_prefix_folder_bytes"), 0);
    again.program().send_signal(SIGTERM);
    EXPECT_EQ(again.program().finish().status, 0);
  }
  for (const auto& entry : fs::directory_iterator(pages)) {
    if (entry.path().extension() != ".global") continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(50).put('x').put('y');
    break;
  }
  RunningServer damaged(scratch, folder);
  EXPECT_THAT(damaged.program().error_so_far(), HasSubstr("is removed"));
  EXPECT_EQ(text(answer_of(damaged)), text(first));

  // Another model, or other settings.
  Arguments other = folder;
  other.insert(other.end(), {"--cache", "f32"});
  damaged.kill_it();
  RunningServer with_f32(scratch, other);
  EXPECT_THAT(with_f32.program().error_so_far(), HasSubstr("of another model, other settings or another version"));
  EXPECT_EQ(cached(answer_of(with_f32)), 0);
}

TEST(Serve, GoesOnWithoutAFolderForPrefixes) {
  ScratchFolder scratch;
  RunningServer server(scratch, {"--prefix-folder", scratch.write("file", "no folder")});
  EXPECT_THAT(server.program().error_so_far(), HasSubstr("prefixes are kept in memory alone"));
  EXPECT_FALSE(server.text_of(chat("Hello", 1, 3)).empty());
  EXPECT_EQ(run_program({"serve", "x.gguf", "--no-prefix-sharing", "--prefix-folder", "x"}).status, 2);
}

TEST(Serve, OptionsComeFromTheLineTheEnvironmentAndAFile) {
  ScratchFolder scratch;
  const std::string file = scratch.write("paddock.toml", "listen = [\"127.0.0.1:1111\"]\nsequences = 7\nwaiting = 9\n");
  const Ran ran = run_program({"serve", "x.gguf", "--config", file, "--waiting", "11", "--print-config"}, "",
                              {{"PADDOCK_SERVE_GRACE", "5"}, {"PADDOCK_SERVE_SPECULATE", "3"}});
  ASSERT_EQ(ran.status, 0) << ran.err;
  EXPECT_THAT(ran.out,
              AllOf(HasSubstr("listen = [\"127.0.0.1:1111\"]"), HasSubstr("sequences = 7"), HasSubstr("waiting = 11"),
                    HasSubstr("grace = 5"), HasSubstr("speculate = 3"), HasSubstr("x.gguf")));
  const Ran back = run_program({"serve", "--config", scratch.write("printed.toml", ran.out), "--print-config"});
  EXPECT_EQ(back.out, ran.out);
  EXPECT_EQ(run_program({"serve", "x.gguf", "--waiting", "none"}).status, 2);
  const Ran unknown = run_program({"serve", "x.gguf", "--config", scratch.write("odd.toml", "a = 1\nlisten = 5\n")});
  EXPECT_EQ(unknown.status, 1);
  EXPECT_THAT(unknown.err, HasSubstr("odd.toml: line 1: a"));
}

TEST(Serve, ReadsTheLogLevelAgain) {
  ScratchFolder scratch;
  const std::string file = scratch.write("paddock.toml", "quiet = true\n");
  RunningServer server(scratch, {"--config", file});
  const auto ask_with = [&](const std::string& unknown_field) {
    Json request = chat("Hello", 1, 1);
    request[unknown_field] = true;
    server.text_of(request);
  };
  ask_with("field_in_silence");
  scratch.write("paddock.toml", "quiet = false\n");
  server.program().send_signal(SIGHUP);
  ASSERT_TRUE(server.program().wait_for_error("log level were read again"));
  ask_with("field_that_is_told");
  EXPECT_TRUE(server.program().wait_for_error("field_that_is_told"));
  EXPECT_THAT(server.program().error_so_far(), testing::Not(HasSubstr("field_in_silence")));

  scratch.write("paddock.toml", "quiet = \"loud\"\n");
  server.program().send_signal(SIGHUP);
  EXPECT_TRUE(server.program().wait_for_error("the one of before stays"));
}

}  // namespace
}  // namespace paddock::test
