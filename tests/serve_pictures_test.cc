// SPDX-License-Identifier: Apache-2.0
// Pictures as clients of the server send them: the real program, beside a model that reads text alone.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <future>

#include "base/base64.h"
#include "base/digest.h"
#include "base/mapped_file.h"
#include "tests/support/golden.h"
#include "tests/support/running_server.h"

namespace paddock::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::StartsWith;

class ServePictures : public testing::Test {
 protected:
  void SetUp() override {
    if (!reference_folder() || !fs::exists(vision() / "tiny-vision"))
      GTEST_SKIP() << "the small checkpoint that sees is not there; set PADDOCK_REFERENCE";
    server_.emplace(scratch_, Arguments{"--model", "seer=" + (vision() / "tiny-vision").string(), "--cache-bytes",
                                        "8000000", "--image-bytes", "500K", "--images", "3"});
  }
  static fs::path vision() { return *reference_folder() / "vision"; }
  static std::string file(const std::string& name) { return read_text_file(vision() / "images" / name).value(); }
  static std::string url(const std::string& name) { return "data:image/png;base64," + encode_base64(file(name)); }
  static Json part(const std::string& address, const std::string& detail = "auto") {
    return {{"type", "image_url"}, {"image_url", {{"url", address}, {"detail", detail}}}};
  }
  static Json words(const std::string& text) { return {{"type", "text"}, {"text", text}}; }
  // Parts as a vector: in braces one object alone would be a list to one compiler and itself to another.
  static Json look(const std::vector<Json>& parts, const std::string& model = "seer") {
    return {{"model", model},
            {"messages", {{{"role", "user"}, {"content", Json(parts)}}}},
            {"temperature", 0},
            {"max_tokens", 8},
            {"ignore_eos", true}};
  }
  Json asked(const std::string& route, const Json& request) {
    const net::TestResponse response = server_->post(route, request);
    EXPECT_EQ(response.status, 200) << response.body;
    return response.status == 200 ? Json::parse(response.body) : Json();
  }
  Json refused(const Json& request) {
    const net::TestResponse response = server_->post("/v1/chat/completions", request);
    EXPECT_EQ(response.status, 400) << response.body;
    return Json::parse(response.body)["error"];
  }

  ScratchFolder scratch_;
  std::optional<RunningServer> server_;
};

// One picture and a question, in the words of three dialects: the same answer to the same prompt.
TEST_F(ServePictures, DialectsSeeTheSame) {
  const std::string picture = encode_base64(file("p100x90.png"));
  const Json chat = asked("/v1/chat/completions", look({part("data:image/png;base64," + picture), words("What?")}));
  const Json response =
      asked("/v1/responses",
            {{"model", "seer"},
             {"temperature", 0},
             {"max_output_tokens", 16},
             {"input",
              {{{"role", "user"},
                {"content",
                 {{{"type", "input_image"}, {"image_url", "data:image/png;base64," + picture}, {"detail", "auto"}},
                  {{"type", "input_text"}, {"text", "What?"}}}}}}}});
  const Json message =
      asked("/v1/messages",
            {{"model", "seer"},
             {"temperature", 0},
             {"max_tokens", 8},
             {"messages",
              {{{"role", "user"},
                {"content",
                 {{{"type", "image"}, {"source", {{"type", "base64"}, {"media_type", "image/png"}, {"data", picture}}}},
                  {{"type", "text"}, {"text", "What?"}}}}}}}});
  const int64_t prompt = chat["usage"]["prompt_tokens"];
  EXPECT_EQ(response["usage"]["input_tokens"], prompt);
  EXPECT_EQ(
      message["usage"]["input_tokens"].get<int64_t>() + message["usage"]["cache_read_input_tokens"].get<int64_t>(),
      prompt);
  const std::string said = chat["choices"][0]["message"]["content"];
  EXPECT_THAT(response["output"][0]["content"][0]["text"].get<std::string>(), StartsWith(said.substr(0, 4)));
  EXPECT_THAT(message["content"][0]["text"].get<std::string>(), StartsWith(said.substr(0, 4)));
  EXPECT_EQ(server_->metric("paddock_images_total"), 3);
  EXPECT_EQ(server_->metric("paddock_image_cache_hits_total"), 2);
}

TEST_F(ServePictures, AnotherPictureIsAnotherPromptAndAnEarlierTurnCostsNothing) {
  const auto answer = [&](const Json& request) {
    return asked("/v1/chat/completions", request)["choices"][0]["message"]["content"].get<std::string>();
  };
  const Json first = look({part(url("p56x56.png")), words("What?")});
  const Json other = look({part(url("p50x40.png")), words("What?")});
  const std::string said = answer(first);
  EXPECT_NE(answer(other), said);
  EXPECT_EQ(answer(first), said);
  const double tiles = server_->metric("paddock_image_tiles_total");
  Json turn = first;
  turn["messages"].push_back({{"role", "assistant"}, {"content", said}});
  turn["messages"].push_back({{"role", "user"}, {"content", {words("And this?"), part(url("p50x40.png"))}}});
  answer(turn);
  EXPECT_EQ(server_->metric("paddock_image_tiles_total"), tiles);
}

TEST_F(ServePictures, LowDetailIsOneTile) {
  const auto tokens = [&](const std::string& detail) {
    return asked("/v1/chat/completions",
                 look({part(url("p512x512.png"), detail), words("What?")}))["usage"]["prompt_tokens"]
        .get<int64_t>();
  };
  // Four tokens a tile: 4 x 4 tiles, their separators and the one of all, against that one.
  EXPECT_EQ(tokens("auto") - tokens("low"), 16 * 4 + 16);
  EXPECT_EQ(tokens("high"), tokens("auto"));
}

TEST_F(ServePictures, ManyAtOnceSeeWhatEachSeesAlone) {
  ScratchFolder other;
  RunningServer alone(other, {"--no-prefix-sharing", "--image-tiles-at-once", "1", "--model",
                              "seer=" + (vision() / "tiny-vision").string(), "--cache-bytes", "8000000"});
  const std::vector<std::string> names{"p56x56.png", "p100x90.png", "grey8.png", "p50x40.png", "palette8.png"};
  std::vector<Json> requests;
  for (size_t index = 0; index < 15; ++index) {
    std::vector<Json> parts = {words("Look " + std::to_string(index % 4)), part(url(names[index % names.size()]))};
    if (index % 3 == 0) parts.push_back(part(url(names[(index + 2) % names.size()])));
    requests.push_back(look(parts));
    if (index % 5 == 4) requests.push_back(look({words("Nothing to see.")}));
  }
  std::vector<std::future<std::string>> answers;
  for (const Json& request : requests)
    answers.push_back(std::async(std::launch::async, [&] { return server_->text_of(request); }));
  for (size_t index = 0; index < requests.size(); ++index)
    EXPECT_EQ(answers[index].get(), alone.text_of(requests[index])) << index;
}

// What outlives a server is a prompt's beginning up to its first picture, so that another one is never taken for it.
TEST_F(ServePictures, PrefixesThatOutliveAServerEndAtAPicture) {
  ScratchFolder other;
  const Arguments folder = {"--prefix-folder", other.path("prefixes"),
                            "--model",         "seer=" + (vision() / "tiny-vision").string(),
                            "--cache-bytes",   "8000000"};
  const auto question = [&](const std::string& name) {
    return look({words(std::string(300, 'a')), part(url(name)), words(std::string(300, 'b'))});
  };
  {
    RunningServer before(other, folder);
    before.text_of(question("p56x56.png"));
    before.program().send_signal(SIGTERM);
    ASSERT_EQ(before.program().finish().status, 0);
  }
  RunningServer after(other, folder);
  for (const char* name : {"p50x40.png", "p56x56.png"}) {
    const net::TestResponse response = after.post("/v1/chat/completions", question(name));
    ASSERT_EQ(response.status, 200) << response.body;
    const Json answer = Json::parse(response.body);
    const int64_t cached = answer["usage"]["prompt_tokens_details"]["cached_tokens"];
    EXPECT_GE(cached, 128) << "pages before the picture are kept over the restart";
    EXPECT_LT(cached, 160) << "nothing of another picture, or after it";
    EXPECT_EQ(answer["choices"][0]["message"]["content"].dump(), server_->text_of(question(name)));
  }
}

TEST_F(ServePictures, WhatIsNoPictureIsRefusedAndTheServerGoesOn) {
  std::ifstream index(vision() / "images/bad/index.json");
  const Json all = Json::parse(index);
  for (const auto& [name, about] : all.items()) {
    if (!about.at("must_refuse").get<bool>()) continue;
    const Json error = refused(look({words("What?"), part(url("bad/" + name))}));
    EXPECT_EQ(error["param"], "messages[0].content[1]") << name;
    EXPECT_THAT(error["message"].get<std::string>(), StartsWith("messages[0].content[1]: ")) << name;
  }
  EXPECT_EQ(asked("/v1/chat/completions", look({part(url("p1x1.png"))}))["usage"]["completion_tokens"], 8);
}

TEST_F(ServePictures, ModelsSayWhetherTheySee) {
  const Json models = Json::parse(server_->get("/v1/models").body)["data"];
  EXPECT_EQ(models.size(), 2);
  for (const Json& model : models) {
    const bool sees = model["id"] == "seer";
    EXPECT_EQ(model["input_modalities"], sees ? Json::array({"text", "image"}) : Json::array({"text"})) << model;
    EXPECT_EQ(model.value("image_limits", Json()), sees ? Json({{"images", 3}, {"bytes", 500 * 1024}}) : Json());
  }
}

TEST_F(ServePictures, LimitsAndModelsThatReadAlone) {
  EXPECT_THAT(refused(look({part(url("p56x56.png"))}, "tiny"))["message"].get<std::string>(),
              HasSubstr("sees no pictures"));
  EXPECT_EQ(refused(look({part("data:image/png;base64," + std::string(700'000, 'A'))}))["code"], "image_too_large");
  const Json one = part(url("p1x1.png"));
  EXPECT_THAT(refused(look({one, one, one, one}))["message"].get<std::string>(), HasSubstr("at most 3 pictures"));
  // What only looks like a place for a picture is text.
  EXPECT_EQ(server_->post("/v1/chat/completions", look({words("<|image|><|patch|>")})).status, 200);
}

TEST_F(ServePictures, NothingIsFetchedUnlessHostsAreNamed) {
  for (const char* address : {"https://example.org/a.png", "http://127.0.0.1/a.png", "http://localhost/"}) {
    const Json error = refused(look({part(address)}));
    EXPECT_EQ(error["param"], "messages[0].content[0]") << address;
    EXPECT_EQ(error["code"], "image_url_not_allowed") << address;
    EXPECT_THAT(error["message"].get<std::string>(),
                HasSubstr("found an address; nothing is fetched here, send the bytes in the request"));
  }
  EXPECT_EQ(refused(look({part("file:///etc/passwd")}))["code"], "invalid_image");
  const net::TestResponse message = server_->post(
      "/v1/messages",
      {{"model", "seer"},
       {"max_tokens", 8},
       {"messages",
        {{{"role", "user"},
          {"content", {{{"type", "image"}, {"source", {{"type", "url"}, {"url", "https://example.org/a.png"}}}}}}}}}});
  EXPECT_EQ(message.status, 400);
  EXPECT_THAT(message.body, HasSubstr("messages[0].content[0]: expected a picture as data:"));
}

// Named or not: what is not of the public internet is not asked.
TEST_F(ServePictures, AddressesOfThisNetworkAreNeverFetched) {
  net::TestServer own;  // that could be reached
  ScratchFolder other;
  RunningServer server(other, {"--model",
                               "seer=" + (vision() / "tiny-vision").string(),
                               "--cache-bytes",
                               "8000000",
                               "--image-fetch-time",
                               "5",
                               "--image-host",
                               own.address(),
                               "--image-host",
                               "localhost",
                               "--image-host",
                               "127.0.0.1",
                               "--image-host",
                               "[::1]",
                               "--image-host",
                               "169.254.169.254",
                               "--image-host",
                               "10.0.0.1",
                               "--image-host",
                               "*.example.com"});
  const std::vector<std::string> addresses{"http://127.0.0.1/a.png",
                                           "http://[::1]/",
                                           "http://localhost/a.png",
                                           "https://localhost/",
                                           "http://169.254.169.254/latest/meta-data/",
                                           "http://10.0.0.1/",
                                           "http://0x7f.1/",
                                           "http://2130706433/",
                                           "http://0177.0.0.1/",
                                           "http://127.1/",
                                           "http://[::ffff:127.0.0.1]/",
                                           "http://user@localhost/",
                                           "http://example.com/",
                                           "http://a.example.org/",
                                           "http://" + own.address() + "/hello"};
  for (const std::string& address : addresses) {
    const net::TestResponse response = server.post("/v1/chat/completions", look({part(address)}));
    ASSERT_EQ(response.status, 400) << address << response.body;
    const Json error = Json::parse(response.body)["error"];
    EXPECT_EQ(error["param"], "messages[0].content[0]") << address;
    EXPECT_EQ(error["code"], "image_url_not_allowed") << address << error;
    EXPECT_THAT(error["message"].get<std::string>(), StartsWith("messages[0].content[0]: expected ")) << address;
  }
  EXPECT_EQ(own->statistics().accepted, 0);
}

TEST_F(ServePictures, AKeyMayAllowLess) {
  const std::string all = make_key(scratch_, "all"), one = make_key(scratch_, "one", {"--images", "1"}),
                    none = make_key(scratch_, "none", {"--images", "0"}),
                    bytes = make_key(scratch_, "bytes", {"--image-bytes", "100"}),
                    pixels = make_key(scratch_, "pixels", {"--image-pixels", "3000"}),
                    tiles = make_key(scratch_, "tiles", {"--image-tiles", "4"}),
                    more = make_key(scratch_, "more", {"--images", "100"});
  const Json picture = part(url("p56x56.png"));
  const auto sees = [&](const std::string& key, const std::vector<Json>& parts) {
    server_->use_key(key);
    const net::TestResponse response = server_->post("/v1/chat/completions", look(parts));
    if (response.status != 200) {
      EXPECT_EQ(Json::parse(response.body)["error"]["code"], "image_too_large") << response.body;
    }
    return response.status == 200;
  };
  EXPECT_TRUE(sees(all, {picture, picture, picture}));
  EXPECT_TRUE(sees(one, {picture}));
  EXPECT_FALSE(sees(one, {picture, picture}));
  EXPECT_FALSE(sees(none, {picture}));
  EXPECT_TRUE(sees(none, {words("What?")}));
  EXPECT_FALSE(sees(bytes, {picture}));
  EXPECT_FALSE(sees(pixels, {picture}));
  EXPECT_TRUE(sees(pixels, {part(url("p50x40.png"))}));
  EXPECT_FALSE(sees(tiles, {part(url("p512x512.png"))}));
  EXPECT_TRUE(sees(tiles, {part(url("p512x512.png"), "low")}));
  EXPECT_FALSE(sees(more, {picture, picture, picture, picture}));
}

TEST_F(ServePictures, TheAuditTrailNamesPicturesByTheirHash) {
  asked("/v1/chat/completions", look({part(url("p56x56.png"))}));
  std::string trail;
  for (const auto& entry : fs::directory_iterator(scratch_.path("audit")))
    if (entry.is_regular_file()) trail += read_text_file(entry.path()).value_or("");
  EXPECT_THAT(trail, HasSubstr("\"images\":[\"" + to_hex(sha256(file("p56x56.png"))) + "\"]"));
}

}  // namespace
}  // namespace paddock::test
