// SPDX-License-Identifier: Apache-2.0
// The program in conversation: render, run --chat, and chat through pipes and on a terminal.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/mapped_file.h"
#include "tests/support/golden.h"
#include "tests/support/program.h"

namespace paddock::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::string scout() { return (data_folder() / "text" / "tiny-scout").string(); }

Json message(const std::string& role, const std::string& content) { return {{"role", role}, {"content", content}}; }

class CliChat : public testing::Test {
 protected:
  // Nothing of the person who runs the tests is read or written.
  Environment environment() const {
    return {{"HOME", scratch.path("")},
            {"XDG_STATE_HOME", scratch.path("state")},
            {"XDG_CACHE_HOME", scratch.path("cache")},
            {"TERM", "vt100"}};
  }
  Ran chat(const Arguments& more, const std::string& lines) const {
    Arguments arguments = {"chat", scout(), "--temperature", "0", "--max-tokens", "6"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments, lines, environment());
  }
  Json render(const Json& conversation) const { return run_json({"render", scout(), "-"}, conversation.dump()); }
  // What the model answers to a conversation when nothing is remembered from before.
  std::string answer_afresh(const std::vector<Json>& messages) const {
    const std::string ids = scratch.write("ids.json", render(Json(messages)).dump());
    return run_json({"run", scout(), "--tokens", ids, "--max-tokens", "6", "--json"}).at("text");
  }
  ScratchFolder scratch;
};

TEST_F(CliChat, RenderKeepsSpecialTokensOfPeopleApart) {
  const Json messages = Json::array({message("user", "a<|eot|>b")});
  const Json json = render(messages);
  EXPECT_EQ(json.at("text"),
            "<|begin_of_text|><|header_start|>user<|header_end|>\n\na<|eot|>b<|eot|><|header_start|>assistant"
            "<|header_end|>\n\n");
  const auto ids = json.at("ids").get<std::vector<int32_t>>();
  EXPECT_EQ(std::count(ids.begin(), ids.end(), 1013), 1) << "only the template's own <|eot|> is one";
  EXPECT_EQ(ids.front(), 1005);
  EXPECT_EQ(render({{"messages", messages}}), json);
  EXPECT_EQ(render({{"messages", messages}, {"add_generation_prompt", true}}), json);
  const Json without = render({{"messages", messages}, {"add_generation_prompt", false}});
  EXPECT_TRUE(without.at("text").get<std::string>().ends_with("b<|eot|>"));

  // A role that templates do not know is tidied, unless nothing is to be.
  const std::string developer = Json::array({message("developer", "a")}).dump();
  EXPECT_THAT(run_json({"render", scout(), "-"}, developer).at("text").get<std::string>(), HasSubstr("|>system<|"));
  EXPECT_THAT(run_json({"render", scout(), "-", "--as-given"}, developer).at("text").get<std::string>(),
              HasSubstr("|>developer<|"));

  const Ran text = run_program({"render", scout(), "-", "--text"}, messages.dump());
  EXPECT_EQ(text.out, json.at("text"));
  const Ran wrong = run_program({"render", scout(), "-"}, R"([{"content": "a"}])");
  EXPECT_EQ(wrong.status, 1);
  EXPECT_EQ(wrong.out, "");
  EXPECT_THAT(wrong.err, AllOf(StartsWith("paddock: "), HasSubstr("role")));
}

TEST_F(CliChat, AModelWithoutAFormatIsRefused) {
  for (const char* file : {"config.json", "model.safetensors"})
    std::filesystem::create_symlink(data_folder() / "text" / "tiny-llama" / file, scratch.path(file));
  // A tokenizer of a thousand tokens without those of Llama 4.
  const auto text = read_text_file(data_folder() / "text" / "tiny-scout" / "tokenizer.json");
  Json tokenizer = *parse_json(*text, "tokenizer.json");
  for (Json& token : tokenizer["added_tokens"])
    if (token["content"] == "<|header_start|>") token["content"] = "<|other|>";
  scratch.write("tokenizer.json", tokenizer.dump());
  const Ran ran = run_program({"chat", scratch.path("")}, "hello\n", environment());
  EXPECT_EQ(ran.status, 1);
  EXPECT_THAT(ran.err, HasSubstr("expected a chat template or the special tokens of Llama 4, found neither"));
  // With a template it can talk.
  scratch.write("chat_template.jinja", "{{ bos_token }}{% for m in messages %}[{{ m.content }}]{% endfor %}");
  const Json rendered = run_json({"render", scratch.path(""), "-"}, Json::array({message("user", "x")}).dump());
  EXPECT_EQ(rendered.at("text"), "<|begin_of_text|>[x]");
}

TEST_F(CliChat, RunTalksToo) {
  const Json json =
      run_json({"run", scout(), "--chat", "--system", "Short.", "--prompt", "Hi", "--max-tokens", "6", "--json"});
  EXPECT_EQ(json.at("prompt_tokens"),
            render(Json::array({message("system", "Short."), message("user", "Hi")})).at("ids"));
}

TEST_F(CliChat, EachAnswerIsThatOfTheWholeConversation) {
  const Ran ran = chat({}, "Hello there\nand then?\n");
  ASSERT_EQ(ran.status, 0) << ran.err;
  std::vector<Json> messages = {message("user", "Hello there")};
  const std::string first = answer_afresh(messages);
  messages.push_back(message("assistant", first));
  messages.push_back(message("user", "and then?"));
  EXPECT_EQ(ran.out, first + "\n" + answer_afresh(messages) + "\n");
  EXPECT_THAT(ran.err, AllOf(HasSubstr("more were kept"), HasSubstr("/s"), HasSubstr(" of 4096")));
  EXPECT_THAT(ran.out, Not(HasSubstr("> "))) << "no prompts where nobody types";
}

TEST_F(CliChat, ALineMayGoOn) {
  EXPECT_EQ(chat({}, "one\\\ntwo\n").out, answer_afresh({message("user", "one\ntwo")}) + "\n");
}

TEST_F(CliChat, CommandsChangeTheConversation) {
  const std::string file = scratch.path("talk.json");
  const Ran ran = chat({"--system", "Be brief."},
                       "Hello\n/save " + file + "\n/reset\nHello\n/system\nHello\n/load " + file + "\nGo on\n");
  ASSERT_EQ(ran.status, 0) << ran.err;
  const Json saved = *parse_json(*read_text_file(file), file);
  const Json& messages = saved.at("messages");
  ASSERT_EQ(messages.size(), 3u);
  EXPECT_EQ(messages.at(0), message("system", "Be brief."));
  EXPECT_EQ(messages.at(1), message("user", "Hello"));
  const std::string with_system = messages.at(2).at("content");
  const std::string without_system = answer_afresh({message("user", "Hello")});
  EXPECT_NE(with_system, without_system) << "the test needs a system message that matters";
  std::vector<Json> all(messages.begin(), messages.end());
  all.push_back(message("user", "Go on"));
  EXPECT_EQ(ran.out, with_system + "\n" + with_system + "\n" + without_system + "\n" + answer_afresh(all) + "\n");
  EXPECT_EQ(render(saved).at("text"), render(messages).at("text"));
}

TEST_F(CliChat, WrongCommandsAreToldAndChangeNothing) {
  const std::string lines =
      "/dance\n/save\n/load /no/such/file\n/params hot=1\n/params top_p=2\n/params temperature\n/params "
      "seed=-1\nHello\n";
  const Ran ran = chat({}, lines);
  EXPECT_EQ(ran.status, 0);
  EXPECT_EQ(ran.out, answer_afresh({message("user", "Hello")}) + "\n");
  for (const char* sentence :
       {"/dance: no such command", "/save: expected the name of a file", "/no/such/file: cannot open", "found \"hot\"",
        "top_p: expected 0 to 1, found 2", "expected NAME=VALUE, found \"temperature\"", "seed: expected"})
    EXPECT_THAT(ran.err, HasSubstr(sentence));
}

TEST_F(CliChat, ParametersAreShownAndChanged) {
  const Ran ran = chat({"--seed", "5"}, "/params\n/params temperature=0.5 top_k=40 max_tokens=3\n/help\n");
  EXPECT_THAT(ran.err, AllOf(HasSubstr("temperature=0 top_k=0 "), HasSubstr("seed=5 max_tokens=6"),
                             HasSubstr("temperature=0.5 top_k=40 "), HasSubstr("seed=5 max_tokens=3"),
                             HasSubstr("/system"), HasSubstr("/load")));
  EXPECT_EQ(ran.out, "");
}

TEST_F(CliChat, AFullContextLosesNothing) {
  const std::string file = scratch.path("talk.json");
  const std::string long_message(200, 'x');
  const Ran ran = chat({"--context", "64"}, "Hello\n" + long_message + "\n/save " + file + "\n");
  EXPECT_EQ(ran.status, 0);
  EXPECT_THAT(ran.err, AllOf(HasSubstr("the context holds 64"), HasSubstr("/reset"), HasSubstr("2 messages written")));
  EXPECT_EQ(parse_json(*read_text_file(file), file)->at("messages").size(), 2u);
}

TEST_F(CliChat, CtrlCStopsTheAnswerAndNotTheProgram) {
  // An answer that fills the context, as no token may end it.
  Arguments arguments = {"chat", scout(), "--temperature", "0", "--max-tokens", "100000"};
  for (const char* end : {"1006=-inf", "1012=-inf", "1013=-inf"})
    arguments.insert(arguments.end(), {"--logit-bias", end});
  Program program(arguments, environment());
  program.write("Hello\n");
  ASSERT_TRUE(program.wait_for_first_output());
  program.interrupt();
  ASSERT_TRUE(program.wait_for_error("answer "));
  program.write("/params\n");
  EXPECT_TRUE(program.wait_for_error("temperature=0 "));
  const Ran ran = program.finish();
  EXPECT_EQ(ran.status, 0);
  EXPECT_THAT(ran.err, Not(HasSubstr("The context is full")));
}

TEST_F(CliChat, WithoutAModelTheDefaultOneIsNamed) {
  const Ran ran = run_program({"chat"}, "", environment());
  EXPECT_EQ(ran.status, 1);
  EXPECT_THAT(ran.err, AllOf(HasSubstr(scratch.path("cache") + "/paddock/models/"), HasSubstr("./run")));
}

// A person at a terminal: everything that the program writes, and keys to it.
class Terminal {
 public:
  Terminal(const Arguments& arguments, const Environment& environment) {
    winsize size{24, 80, 0, 0};
    process_ = ::forkpty(&terminal_, nullptr, nullptr, &size);
    if (process_ == 0) {
      std::string path = std::string(PADDOCK_BINARY_DIR) + "/paddock";
      std::vector<char*> argv = {path.data()};
      for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
      argv.push_back(nullptr);
      for (const auto& [name, value] : environment) ::setenv(name.c_str(), value.c_str(), 1);
      ::execv(path.c_str(), argv.data());
      ::_exit(127);
    }
  }
  ~Terminal() {
    if (process_ > 0) ::kill(process_, SIGKILL), ::waitpid(process_, nullptr, 0);
    ::close(terminal_);
  }

  void type(const std::string& keys) {
    EXPECT_EQ(::write(terminal_, keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
  }
  // Reads until `text` has come after what was waited for before.
  bool wait_for(const std::string& text) {
    size_t found;
    while ((found = seen_.find(text, from_)) == std::string::npos) {
      pollfd wait{terminal_, POLLIN, 0};
      if (::poll(&wait, 1, 60'000) <= 0) return false;
      char buffer[4096];
      const ssize_t count = ::read(terminal_, buffer, sizeof(buffer));
      still_there_ = count > 0;
      if (!still_there_) return false;
      seen_.append(buffer, static_cast<size_t>(count));
    }
    from_ = found + text.size();
    return true;
  }
  // The exit status, or minus the signal that ended it: SIGKILL, from here, when it wrote nothing for a minute.
  int finish() {
    while (wait_for("\n")) continue;
    if (still_there_) ::kill(process_, SIGKILL);
    int status = -1;
    ::waitpid(std::exchange(process_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  const std::string& seen() const { return seen_; }

 private:
  int terminal_ = -1;
  pid_t process_ = -1;
  std::string seen_;
  size_t from_ = 0;
  bool still_there_ = true;
};

TEST_F(CliChat, OnATerminalLinesAreEditedAndRemembered) {
  Terminal terminal({"chat", scout(), "--temperature", "0", "--max-tokens", "4"}, environment());
  ASSERT_TRUE(terminal.wait_for("> ")) << terminal.seen();
  terminal.type("never sent\x03");  // Ctrl-C
  ASSERT_TRUE(terminal.wait_for("^C")) << terminal.seen();
  terminal.type("h\u00e9llx\x7fo\r");  // with a slip and a Backspace
  ASSERT_TRUE(terminal.wait_for("context ")) << terminal.seen();
  terminal.type("/save " + scratch.path("talk.json") + "\r");
  ASSERT_TRUE(terminal.wait_for("messages written")) << terminal.seen();
  ASSERT_TRUE(terminal.wait_for("> ")) << terminal.seen();
  terminal.type("\x04");  // Ctrl-D
  EXPECT_EQ(terminal.finish(), 0) << terminal.seen();
  const Json saved = *parse_json(*read_text_file(scratch.path("talk.json")), "talk.json");
  EXPECT_EQ(saved.at("messages").at(0), message("user", "h\u00e9llo"));

  const std::filesystem::path history = scratch.path("state") + "/paddock/history";
  ASSERT_TRUE(std::filesystem::exists(history));
  EXPECT_EQ(std::filesystem::status(history).permissions() & std::filesystem::perms::others_all,
            std::filesystem::perms::none);
  Terminal again({"chat", scout(), "--temperature", "0", "--max-tokens", "4"}, environment());
  ASSERT_TRUE(again.wait_for("> ")) << again.seen();
  again.type("\x10\x10\r");  // two lines back: the message of before
  ASSERT_TRUE(again.wait_for("h\u00e9llo")) << again.seen();
  ASSERT_TRUE(again.wait_for("context ")) << again.seen();
  ASSERT_TRUE(again.wait_for("> ")) << again.seen();
  again.type("\x04");
  EXPECT_EQ(again.finish(), 0);
}

}  // namespace
}  // namespace paddock::test
