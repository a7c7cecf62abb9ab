// SPDX-License-Identifier: Apache-2.0
// What the program does with a command line before it computes: help, exit statuses, refusals, where text goes.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "tests/support/golden.h"
#include "tests/support/program.h"

namespace paddock::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

std::string model(const char* name) { return (data_folder() / "text" / name).string(); }

// One sentence of ours on standard error, and nothing where results go.
void expect_refusal(const Ran& ran, int status, const testing::Matcher<std::string>& sentence) {
  EXPECT_EQ(ran.status, status) << ran.err;
  EXPECT_EQ(ran.out, "");
  EXPECT_THAT(ran.err, AllOf(HasSubstr("paddock: "), sentence));
  EXPECT_EQ(ran.err.find('\n', ran.err.find("paddock: ")), ran.err.size() - 1) << ran.err;
}

TEST(CliUsage, HelpAndVersionGoToStandardOutput) {
  for (const Arguments& arguments : {Arguments{"--help"},
                                     {"chat", "--help"},
                                     {"run", "-h"},
                                     {"score", "--help"},
                                     {"perplexity", "--help"},
                                     {"tokenize", "--help"},
                                     {"render", "--help"},
                                     {"parse-tools", "--help"},
                                     {"inspect", "--help"}}) {
    const Ran ran = run_program(arguments);
    EXPECT_EQ(ran.status, 0);
    EXPECT_EQ(ran.err, "");
    EXPECT_THAT(ran.out, AllOf(HasSubstr("Usage:"), HasSubstr("Examples:\n  "))) << arguments.front();
  }
  const Ran version = run_program({"--version"});
  EXPECT_EQ(version.status, 0);
  EXPECT_THAT(version.out, StartsWith("paddock "));
}

TEST(CliUsage, WrongUsageIsTwo) {
  const std::string odd = model("tiny-odd");
  const struct {
    Arguments arguments;
    const char* sentence;
  } cases[] = {
      {{},
       "expected a command: chat, run, serve, score, perplexity, tokenize, render, parse-tools, inspect, bench, "
       "convert, distil, train, upcycle, keys, audit; "
       "found none"},
      {{"sing"}, "found \"sing\""},
      {{"--loud"}, "--loud (see paddock --help)"},
      {{"parse-tools"}, "--tools is required (see paddock parse-tools --help)"},
      {{"run"}, "MODEL is required (see paddock run --help)"},
      {{"run", odd, "--loud"}, "--loud (see paddock run --help)"},
      {{"run", odd, "--prompt", "a", "--tokens", "b"}, "--prompt excludes --tokens"},
      {{"run", odd, "--prompt", "a", "--logprobs", "2"}, "--json"},
      {{"run", odd, "--prompt", "a", "--cache", "q3"}, "q3"},
      {{"run", odd, "--prompt", "a", "--temperature", "hot"}, "hot"},
      {{"run", odd, "--prompt", "a", "--temperature", "-1"}, "temperature: expected 0 to 100, found -1"},
      {{"run", odd, "--prompt", "a", "--top-p", "nan"}, "top_p"},
      {{"run", odd, "--prompt", "a", "--top-k", "1.5"}, "top_k: expected 0 or a positive whole number, found 1.5"},
      {{"run", odd, "--prompt", "a", "--logit-bias", "7"}, "--logit-bias: expected ID=NUMBER"},
      {{"run", odd, "--prompt", "a", "--logit-bias", "1024=1"}, "logit_bias"},
      {{"run", odd, "--prompt", "a", "--max-tokens", "-1"}, "--max-tokens"},
      {{"run", odd, "--prompt", "a", "--machine", "abacus"}, "found \"abacus\" (from --machine)"},
      {{"run", odd, "--prompt", "a", "--prefill-batch", "0"}, "--prefill-batch"},
      {{"run", odd, "--prompt", "a", "--memory-limit", "lots"}, "lots"},
      {{"run", odd, "--chat", "--tokens", "b"}, "--tokens excludes --chat"},
      {{"score", odd}, "give --text, --tokens or --messages"},
      {{"inspect", odd, "--context", "5000"}, "context: expected 1 to 4096, the checkpoint's limit, found 5000"},
  };
  for (const auto& each : cases) expect_refusal(run_program(each.arguments), 2, HasSubstr(each.sentence));
}

TEST(CliUsage, FailureIsOne) {
  const ScratchFolder scratch;
  const std::string odd = model("tiny-odd");
  const std::string ids = scratch.write("ids.json", "[1, 2, 3]");
  const struct {
    Arguments arguments;
    const char* sentence;
  } cases[] = {
      {{"inspect", "/no/such/model"}, "/no/such/model: cannot open"},
      {{"inspect", scratch.path("")}, "no weights"},
      {{"tokenize", scratch.path(""), "--text", "a"}, "expected a tokenizer"},
      {{"tokenize", odd, "--text", "a"}, "expected a tokenizer"},
      {{"run", odd, "--prompt", "a"}, "expected a tokenizer"},
      {{"run", odd, "--tokens", ids, "--stop", "a"}, "expected a tokenizer"},
      {{"score", odd, "--text", ids}, "expected a tokenizer"},
      {{"chat", odd}, "expected a tokenizer"},
      {{"run", odd, "--tokens", scratch.path("none.json")}, "none.json: cannot open"},
      {{"run", odd, "--tokens", ids, "--context", "3"}, "prompt: expected fewer tokens than the context of 3, found 3"},
      {{"score", odd, "--tokens", ids, "--logits", "/no/such/folder/x", "-q"}, "/no/such/folder/x: cannot create"},
  };
  for (const auto& each : cases) expect_refusal(run_program(each.arguments), 1, HasSubstr(each.sentence));
}

TEST(CliUsage, BadTokenFilesAreRefused) {
  const ScratchFolder scratch;
  const struct {
    const char* content;
    const char* sentence;
  } cases[] = {
      {"", "not valid JSON"},
      {"[]", "expected at least one token id, found none"},
      {"{}", "expected an array of token ids or {\"tokens\": [ids]}"},
      {"{\"tokens\": 5}", "expected an array of token ids, found 5"},
      {"[1, -1]", "token 1: expected a whole number from 0 to 2147483647, found -1"},
      {"[1.0]", "token 0"},
      {"[\"1\"]", "token 0"},
      {"[4294967297]", "token 0"},
      {"[0, 1024]", "token 1: expected ids below 1024, the model's vocabulary, found 1024"},
  };
  for (const auto& each : cases)
    for (const char* command : {"score", "run"})
      expect_refusal(run_program({command, model("tiny-odd"), "--tokens", scratch.write("ids.json", each.content)}), 1,
                     AllOf(HasSubstr("ids.json: "), HasSubstr(each.sentence)));
}

TEST(CliUsage, TheMachineCanBeForcedAndIsLogged) {
  const std::string odd = model("tiny-odd");
  expect_refusal(run_program({"inspect", odd}, "", {{"PADDOCK_MACHINE", "abacus"}}), 2,
                 AllOf(HasSubstr("reference"), HasSubstr("found \"abacus\" (from PADDOCK_MACHINE)")));
  // The option counts, not the environment.
  const Ran ran = run_program({"inspect", model("tiny-scout"), "--machine", "reference", "--threads", "1", "-v"}, "",
                              {{"PADDOCK_MACHINE", "abacus"}});
  EXPECT_EQ(ran.status, 0) << ran.err;
  EXPECT_THAT(ran.err, HasSubstr("machine reference on 1 threads, chosen by --machine"));
  EXPECT_THAT(ran.err, HasSubstr("read hidden_size = 64"));
  EXPECT_THAT(ran.err, HasSubstr("inferred moe_layers = all layers"));
}

// "needs 1,234 bytes: ..." as 1234.
int64_t planned_bytes(const Ran& ran) {
  const std::string line = ran.err.substr(ran.err.find("needs ") + 6);
  std::string digits;
  for (const char each : line.substr(0, line.find(" bytes")))
    if (each != ',') digits += each;
  return std::stoll(digits);
}

TEST(CliUsage, APlanThatDoesNotFitIsRefusedBeforeLoading) {
  const ScratchFolder scratch;
  const std::string ids = scratch.write("ids.json", "[1, 2, 3]");
  expect_refusal(run_program({"run", model("tiny-odd"), "--tokens", ids, "--memory-limit", "100K", "-q"}), 1,
                 AllOf(HasSubstr("weights 787392"), HasSubstr("expected at most the 102400 that are available"),
                       HasSubstr("--context")));
  // What is kept for the results counts too: 3 rows of 1024 logits.
  const int64_t needed = planned_bytes(run_program({"score", model("tiny-odd"), "--tokens", ids, "--threads", "1"}));
  const auto score = [&](int64_t limit, const Arguments& more) {
    Arguments arguments = {"score", model("tiny-odd"), "--tokens",           ids, "-q", "--threads",
                           "1",     "--memory-limit",  std::to_string(limit)};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments);
  };
  const Arguments logits = {"--logits", scratch.path("logits.safetensors")};
  EXPECT_EQ(score(needed, {}).status, 0);
  EXPECT_EQ(score(needed - 1, {}).status, 1);
  EXPECT_EQ(score(needed + 12288, logits).status, 0);
  expect_refusal(score(needed + 12287, logits), 1,
                 AllOf(HasSubstr("the results need 12288 bytes"), HasSubstr("--rows")));
}

TEST(CliUsage, ATokenizerOfAnotherModelIsRefused) {
  const ScratchFolder scratch;
  for (const char* file : {"config.json", "model.safetensors"})
    std::filesystem::create_symlink(data_folder() / "text" / "tiny-edge" / file, scratch.path(file));
  std::filesystem::create_symlink(data_folder() / "text" / "tiny-scout" / "tokenizer.json",
                                  scratch.path("tokenizer.json"));
  const std::string ids = scratch.write("ids.json", "[1, 2, 3]");
  for (const Arguments& arguments :
       {Arguments{"inspect", scratch.path("")}, {"score", scratch.path(""), "--tokens", ids}})
    expect_refusal(
        run_program(arguments), 1,
        AllOf(HasSubstr("tokenizer.json: "), HasSubstr("expected a tokenizer of 512 tokens"), HasSubstr("found 1024")));
}

TEST(CliUsage, AReaderThatGoesAwayEndsTheProgramQuietly) {
  Program program({"run", model("tiny-scout"), "--prompt", "a", "--max-tokens", "4000", "--ignore-eos", "-q"});
  ASSERT_TRUE(program.wait_for_output(""));
  program.close_output();
  const Ran ran = program.finish();
  EXPECT_EQ(ran.status, 1);
  EXPECT_EQ(ran.err, "");
}

TEST(CliUsage, AFullDiskIsTold) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full on this system";
  const std::string command = std::string(PADDOCK_BINARY_DIR) + "/paddock --version > /dev/full 2> /dev/null";
  EXPECT_EQ(WEXITSTATUS(std::system(command.c_str())), 1);
}

}  // namespace
}  // namespace paddock::test
