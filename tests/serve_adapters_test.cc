// SPDX-License-Identifier: Apache-2.0
// Adapters as a server's clients meet them: models by another name, that come and go.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include "tests/support/adapters.h"
#include "tests/support/running_server.h"

namespace paddock::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class ServeAdapters : public testing::Test {
 protected:
  void SetUp() override {
    tiny_ = load(data_folder() / "text" / "tiny-scout");
    ASSERT_NE(tiny_, nullptr);
    write("poet", 1);
  }
  void write(const std::string& name, uint32_t seed) {
    write_random_adapter(tiny_->model.config, fs::path(scratch_.path("adapters")) / name,
                         {.seed = seed, .deviation = 0.3f});
  }
  std::string folder(const std::string& name) const { return (fs::path(scratch_.path("adapters")) / name).string(); }
  static Json named(Json request, const std::string& model) {
    request["model"] = model;
    return request;
  }
  static std::vector<std::string> ids(const RunningServer& server) {
    std::vector<std::string> ids;
    const Json list = Json::parse(server.get("/v1/models").body);
    for (const Json& model : list.at("data")) ids.push_back(model.at("id"));
    return ids;
  }
  net::TestResponse load_as(const RunningServer& server, const std::string& name, const std::string& path) {
    return server.post("/v1/load_lora_adapter", {{"lora_name", name}, {"lora_path", path}});
  }
  net::TestResponse unload(const RunningServer& server, const std::string& name) {
    return server.post("/v1/unload_lora_adapter", {{"lora_name", name}});
  }

  ScratchFolder scratch_;
  std::unique_ptr<LoadedModel> tiny_;
};

TEST_F(ServeAdapters, EveryDialectNamesThemAsModels) {
  RunningServer server(scratch_, {"--adapter", "poet=" + folder("poet")});
  EXPECT_THAT(ids(server), testing::ElementsAre("tiny", "poet"));
  const Json shown = Json::parse(server.get("/v1/models/poet").body);
  EXPECT_EQ(shown["parent"], "tiny");
  EXPECT_FALSE(Json::parse(server.get("/v1/models/tiny").body).contains("parent"));

  const Json message = {{"max_tokens", 16},
                        {"messages", {{{"role", "user"}, {"content", "Hello"}}}},
                        {"ignore_eos", true},
                        {"temperature", 0}};
  const std::pair<const char*, Json> requests[] = {
      {"/v1/chat/completions", message},
      {"/v1/messages", message},
      {"/v1/completions", {{"prompt", "Hello"}, {"max_tokens", 16}, {"temperature", 0}, {"ignore_eos", true}}},
      {"/v1/responses",
       {{"input", "Hello"}, {"max_output_tokens", 16}, {"temperature", 0}, {"ignore_eos", true}, {"store", false}}}};
  const auto text_in = [](const Json& answer) {
    for (const char* pointer :
         {"/choices/0/message/content", "/choices/0/text", "/content/0/text", "/output/0/content/0/text"})
      if (answer.contains(Json::json_pointer(pointer))) return answer.at(Json::json_pointer(pointer)).dump();
    ADD_FAILURE() << answer;
    return std::string();
  };
  for (const auto& [route, request] : requests) {
    const net::TestResponse base = server.post(route, named(request, "tiny")),
                            first = server.post(route, named(request, "poet")),
                            second = server.post(route, named(request, "poet"));
    ASSERT_EQ(first.status, 200) << first.body;
    const Json answer = Json::parse(first.body);
    EXPECT_EQ(answer["model"], "poet") << route;
    EXPECT_NE(text_in(answer), text_in(Json::parse(base.body))) << route;
    EXPECT_EQ(text_in(answer), text_in(Json::parse(second.body))) << route;
    EXPECT_EQ(server.post(route, named(request, "poets")).status, 404) << route;
  }
  EXPECT_EQ(server.metric("paddock_completions_total{finish_reason=\"length\",model=\"poet\"}"), 8);
  EXPECT_EQ(server.metric("paddock_adapters{"), 1);
  EXPECT_GT(server.metric("paddock_adapter_bytes{"), 1000);
  EXPECT_EQ(server.post("/tokenize", {{"model", "poet"}, {"prompt", "Hello"}}).status, 200);
  // Without --adapter-folder there is nothing to load from.
  const net::TestResponse refused = load_as(server, "other", "poet");
  EXPECT_EQ(refused.status, 403);
  EXPECT_THAT(refused.body, HasSubstr("--adapter-folder"));
}

// What the server says under the adapter's name is what `paddock run --adapter` says.
TEST_F(ServeAdapters, SaysWhatTheCommandLineSays) {
  RunningServer server(scratch_, {"--adapter", "tiny:poet=" + folder("poet"), "--cache", "f32"});
  const net::TestResponse served = server.post(
      "/v1/completions",
      {{"model", "poet"}, {"prompt", "Hello there"}, {"max_tokens", 12}, {"temperature", 0}, {"ignore_eos", true}});
  ASSERT_EQ(served.status, 200) << served.body;
  const std::string model = (data_folder() / "text" / "tiny-scout").string();
  const Arguments run = {"run", model, "--prompt", "Hello there", "--max-tokens", "12", "--ignore-eos", "--json"};
  Arguments with = run;
  with.insert(with.end(), {"--adapter", folder("poet")});
  const std::string text = Json::parse(served.body)["choices"][0]["text"];
  EXPECT_EQ(run_json(with)["text"], text);
  EXPECT_NE(run_json(run)["text"], text);

  const std::string words = scratch_.write("text.txt", std::string(300, 'a') + " and so on " + std::string(300, 'b'));
  for (const Arguments& arguments : {Arguments{"score", model, "--text", words, "--json"},
                                     Arguments{"perplexity", model, "--text", words, "--chunk", "64", "--json"}}) {
    Arguments adapted = arguments;
    adapted.insert(adapted.end(), {"--adapter", folder("poet")});
    EXPECT_NE(run_json(arguments)["mean_nll"], run_json(adapted)["mean_nll"]) << arguments[0];
  }
  const Ran none = run_program({"run", model, "--prompt", "Hello", "--adapter", scratch_.path("none")});
  EXPECT_EQ(none.status, 1);
  EXPECT_THAT(none.err, HasSubstr("adapter_config.json"));
}

TEST_F(ServeAdapters, ComeAndGoWhileAnswersRun) {
  write("singer", 2);
  RunningServer server(scratch_, {"--adapter-folder", scratch_.path("adapters"), "--sequences", "3"});
  EXPECT_EQ(server.post("/v1/chat/completions", named(chat("Hello", 1, 3), "poet")).status, 404);
  const net::TestResponse loaded = load_as(server, "poet", "poet");
  ASSERT_EQ(loaded.status, 200) << loaded.body;
  EXPECT_EQ(Json::parse(loaded.body)["parent"], "tiny");
  const Json request = named(chat("A long story.", 3, 400), "poet");
  const std::string alone = server.text_of(request);

  auto running = std::async(std::launch::async, [&] { return server.text_of(request); });
  while (server.metric("paddock_requests_running") == 0 &&
         running.wait_for(std::chrono::milliseconds(1)) == std::future_status::timeout) {
  }
  EXPECT_EQ(unload(server, "poet").status, 200);
  EXPECT_EQ(unload(server, "poet").status, 404);
  EXPECT_EQ(server.post("/v1/chat/completions", request).status, 404) << "new ones do not find it";
  EXPECT_EQ(load_as(server, "singer", folder("singer")).status, 200) << "a whole path, inside the folder";
  EXPECT_EQ(load_as(server, "poet", "singer").status, 200) << "another one by the same name";
  EXPECT_EQ(running.get(), alone) << "and who has it keeps it";
  EXPECT_NE(server.text_of(request), alone);
  EXPECT_THAT(ids(server), testing::ElementsAre("tiny", "singer", "poet"));
}

TEST_F(ServeAdapters, WhatCannotBeLoadedIsRefusedWithASentence) {
  write("singer", 2);
  fs::create_directories(folder("broken"));
  std::ofstream(folder("broken") + "/adapter_config.json") << R"({"lora_alpha": 8})";
  std::ofstream(folder("broken") + "/adapter_model.safetensors") << std::string(100, 'x');
  fs::create_directories(scratch_.path("outside"));
  fs::create_directory_symlink(scratch_.path("outside"), folder("link"));
  const uint64_t bytes = load_adapter(*tiny_, folder("poet"))->bytes();
  RunningServer server(scratch_,
                       {"--adapter-folder", scratch_.path("adapters"), "--adapter-bytes", std::to_string(bytes)});
  const auto refused = [&](const std::string& name, const std::string& path, int status, const std::string& says) {
    const net::TestResponse response = load_as(server, name, path);
    EXPECT_EQ(response.status, status) << response.body;
    EXPECT_THAT(response.body, HasSubstr(says));
  };
  refused("a", "../outside", 403, "--adapter-folder");
  refused("a", "/etc", 403, "--adapter-folder");
  refused("a", "link", 403, "--adapter-folder");
  refused("a", ".", 404, "adapter_config.json");
  refused("a", "broken", 400, "adapter_model.safetensors");
  refused("tiny", "poet", 400, "a name of its own");
  refused("", "poet", 400, "lora_name");
  EXPECT_EQ(load_as(server, "poet", "poet").status, 200);
  refused("poet", "singer", 400, "unload it first");
  refused("singer", "singer", 503, "unload another one");
  EXPECT_LE(server.metric("paddock_adapter_bytes{"), static_cast<double>(bytes));
  EXPECT_EQ(unload(server, "poet").status, 200);
  EXPECT_EQ(load_as(server, "singer", "singer").status, 200) << "there is room again";
  EXPECT_EQ(
      server.post("/v1/load_lora_adapter", {{"lora_name", "b"}, {"lora_path", "poet"}, {"base_model_name", "big"}})
          .status,
      404);
}

TEST_F(ServeAdapters, KeysRulesAreOfTheirNames) {
  const std::string admin = make_key(scratch_, "admin", {"--scope", "admin"}),
                    poet = make_key(scratch_, "poet-only", {"--model", "poet"}),
                    plain = make_key(scratch_, "plain", {"--model", "tiny"});
  ASSERT_EQ(run_program({"keys", "prices", "set", "--model", "poet", "--prompt", "1", "--output", "1", "--database",
                         scratch_.path("keys.db")})
                .status,
            0);
  RunningServer server(scratch_, {"--adapter-folder", scratch_.path("adapters")});
  server.use_key(plain);
  EXPECT_EQ(load_as(server, "poet", "poet").status, 403) << "a key for inference";
  EXPECT_EQ(unload(server, "poet").status, 403);
  server.use_key(admin);
  EXPECT_EQ(load_as(server, "poet", "poet").status, 200);
  const Json request = chat("Hello", 1, 5);
  server.use_key(plain);
  EXPECT_EQ(server.post("/v1/chat/completions", request).status, 200);
  EXPECT_EQ(server.post("/v1/chat/completions", named(request, "poet")).status, 403);
  server.use_key(poet);
  EXPECT_EQ(server.post("/v1/chat/completions", request).status, 403);
  EXPECT_EQ(server.post("/v1/chat/completions", named(request, "poet")).status, 200);
  server.program().send_signal(SIGTERM);
  EXPECT_EQ(server.program().finish().status, 0);
  const Json usage = run_json({"keys", "usage", "--by", "model", "--database", scratch_.path("keys.db"), "--json"});
  EXPECT_EQ(std::ranges::count_if(usage, [](const Json& row) { return row.at("model") == "poet"; }), 1) << usage;
}

TEST_F(ServeAdapters, BadOptionsEndItWithASentence) {
  const std::string model = "tiny=" + (data_folder() / "text" / "tiny-scout").string();
  const std::pair<std::string, const char*> wrong[] = {
      {"poet", "NAME=FOLDER"},
      {"=" + folder("poet"), "NAME=FOLDER"},
      {"big:poet=" + folder("poet"), "the name of a model before the colon"},
      {"tiny=" + folder("poet"), "named tiny"},
      {"poet=" + folder("none"), "adapter_config.json"}};
  for (const auto& [given, says] : wrong) {
    const Ran ran = run_program({"serve", model, "--listen", "127.0.0.1:0", "--context", "100", "--adapter", given});
    EXPECT_GT(ran.status, 0) << given;
    EXPECT_THAT(ran.err, HasSubstr(says)) << given;
  }
}

}  // namespace
}  // namespace paddock::test
