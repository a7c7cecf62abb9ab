// SPDX-License-Identifier: Apache-2.0
// paddock train RECIPE: jobs as a user starts, stops, loses and finishes them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <random>

#include "base/json.h"
#include "tests/support/program.h"

namespace paddock::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

std::string bytes_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// The kernel ends the process (SIGSYS) as soon as it asks for a socket.
void end_at_a_socket() {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_socket, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
    _exit(125);
}

// As on a full disk: a write beyond 100,000 bytes of a file fails.
void allow_small_files_alone() {
  const rlimit limit = {100000, 100000};
  signal(SIGXFSZ, SIG_IGN);
  if (setrlimit(RLIMIT_FSIZE, &limit) != 0) _exit(125);
}

class CliTrainJob : public testing::Test {
 protected:
  static fs::path tiny() { return fs::path(PADDOCK_SOURCE_DIR) / "tests/data/text/tiny-scout"; }

  // Sentences of a small language, which a small model learns in some steps.
  std::string texts() const {
    std::mt19937 random(5);
    const char* const who[] = {"The cat", "A dog", "My friend", "The old man"};
    const char* const does[] = {"sees", "likes", "finds"};
    const char* const what[] = {"a red ball.", "the blue house.", "some water.", "the way home."};
    std::string text;
    for (int line = 0; line < 400; ++line)
      text += std::string(who[random() % 4]) + " " + does[random() % 3] + " " + what[random() % 4] + "\n";
    return scratch_.write("texts.txt", text);
  }

  std::string chats(int count = 24) const {
    std::string lines;
    for (int index = 0; index < count; ++index) {
      const Json line = {{"messages",
                          {{{"role", "user"}, {"content", "Number " + std::to_string(index) + "?"}},
                           {{"role", "assistant"}, {"content", "It is " + std::to_string(index * 7 % 10) + "."}}}}};
      lines += line.dump() + "\n";
    }
    return scratch_.write("chats.jsonl", lines);
  }

  std::string pretraining(const std::string& more = "") const {
    return scratch_.write("pretrain.toml", "kind = \"pretrain\"\nsteps = 24\nmodel.config = \"" + tiny().string() +
                                               "\"\nmodel.tokenizer = \"" + tiny().string() + "\"\ndata.train = [\"" +
                                               texts() +
                                               "\"]\ndata.separator = \"\\n\"\ndata.length = 32\ndata.rows = 4\n"
                                               "optimiser.rate = 3e-3\noptimiser.warm_up = 4\ncheckpoint.every = 4\n"
                                               "checkpoint.keep = 3\nevaluate.every = 8\nevaluate.batches = 2\n" +
                                               more);
  }

  std::string chat_recipe(const std::string& data, const std::string& more = "") const {
    return scratch_.write("chat.toml", "kind = \"chat\"\nsteps = 6\nmodel.start = \"" + tiny().string() +
                                           "\"\ndata.train = [\"" + data +
                                           "\"]\ndata.length = 64\ndata.rows = 2\ncheckpoint.every = 3\n" + more);
  }

  Arguments train(const std::string& recipe, const std::string& out, const Arguments& more = {}) const {
    Arguments all = {"train", recipe, "--set", "out=" + scratch_.path(out), "--no-limits"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }

  // By step, what an event of the log says of a key.
  std::map<int64_t, std::string> logged(const std::string& out, const std::string& event,
                                        const std::string& key) const {
    std::map<int64_t, std::string> found;
    std::ifstream file(scratch_.path(out) + "/log.jsonl");
    for (std::string line; std::getline(file, line);) {
      const Json json = Json::parse(line);
      if (json.at("event") == event) {
        EXPECT_FALSE(found.contains(json.at("step").get<int64_t>())) << "twice: " << line;
        found[json.at("step").get<int64_t>()] = json.at(key).dump();
      }
    }
    return found;
  }

  std::string weights(const std::string& out, int64_t step) const {
    return bytes_of(fs::path(scratch_.path(out)) / "checkpoints" / fmt::format("step-{:09}", step) / "weights.bin");
  }

  ScratchFolder scratch_;
};

TEST_F(CliTrainJob, LearnsALanguageFromNothing) {
  const Ran ran = run_program(train(pretraining("steps = 60\n[evaluate]\n"), "a"));
  // A key that is said twice is a mistake of the file.
  EXPECT_NE(ran.status, 0);
  const Ran learned = run_program(train(pretraining(), "a", {"--set", "steps=60", "--set", "checkpoint.every=30"}));
  ASSERT_EQ(learned.status, 0) << learned.err;
  const auto losses = logged("a", "step", "loss");
  ASSERT_EQ(losses.size(), 60u);
  EXPECT_GT(std::stod(losses.at(1)), 6.5);   // about the logarithm of 1,024
  EXPECT_LT(std::stod(losses.at(60)), 2.5);  // a sentence has 48 forms
  const auto held_out = logged("a", "evaluation", "loss");
  EXPECT_LT(std::stod(held_out.at(56)), std::stod(held_out.at(8)));
  EXPECT_THAT(learned.err, HasSubstr("needs "));
  EXPECT_THAT(learned.err, HasSubstr("held out: loss"));
}

TEST_F(CliTrainJob, KilledAtAnyMomentItGoesOnToTheSameBits) {
  const std::string recipe = pretraining("balance.aux = 0.01\noptimiser.moments = \"q8\"\noptimiser.average = 0.9\n");
  ASSERT_EQ(run_program(train(recipe, "whole")).status, 0);
  std::mt19937 random(std::random_device{}());
  int kills = 0;
  for (; kills < 40; ++kills) {
    Program program(train(recipe, "killed", {"--resume"}));
    // The first time with most of the way ahead; then somewhere in the time that a few steps take, checkpoints
    // included.
    if (kills == 0)
      EXPECT_TRUE(program.wait_for_error("step 4: checkpoint written"));
    else
      usleep(50000 + random() % 700000);
    program.send_signal(SIGKILL);
    if (program.finish().status == 0) break;
  }
  const Ran last = run_program(train(recipe, "killed", {"--resume"}));
  ASSERT_EQ(last.status, 0) << last.err;
  EXPECT_EQ(weights("killed", 24), weights("whole", 24));
  EXPECT_EQ(logged("killed", "step", "loss"), logged("whole", "step", "loss"));
  EXPECT_EQ(logged("killed", "evaluation", "loss"), logged("whole", "evaluation", "loss"));
  EXPECT_GT(kills, 0);
}

TEST_F(CliTrainJob, OneThreadAndTwoGiveTheSameBits) {
  const std::string recipe = pretraining();
  ASSERT_EQ(run_program(train(recipe, "one", {"--threads", "1", "--set", "steps=5"})).status, 0);
  ASSERT_EQ(run_program(train(recipe, "two", {"--threads", "2", "--set", "steps=5"})).status, 0);
  EXPECT_EQ(weights("one", 5), weights("two", 5));
  EXPECT_FALSE(weights("one", 5).empty());
}

TEST_F(CliTrainJob, InterruptedItEndsAfterTheStepWithACheckpoint) {
  Program program(train(pretraining(), "a", {"--set", "steps=100000", "--set", "checkpoint.every=100000"}));
  ASSERT_TRUE(program.wait_for_error("step 3/"));
  program.interrupt();
  const Ran ran = program.finish();
  EXPECT_EQ(ran.status, 1);
  EXPECT_THAT(ran.err, HasSubstr("--resume goes on"));
  EXPECT_THAT(run_program(train(pretraining(), "a")).err, HasSubstr("found checkpoints of another; --resume"));
}

TEST_F(CliTrainJob, ABrokenCheckpointIsSaidAndTheOneBeforeIsTaken) {
  const std::string recipe = pretraining();
  ASSERT_EQ(run_program(train(recipe, "a", {"--set", "steps=12"})).status, 0);
  const fs::path newest = fs::path(scratch_.path("a")) / "checkpoints/step-000000012/weights.bin";
  std::fstream(newest, std::ios::in | std::ios::out | std::ios::binary).put('\x55');
  const Ran ran = run_program(train(recipe, "a", {"--set", "steps=12", "--resume"}));
  EXPECT_EQ(ran.status, 0) << ran.err;
  EXPECT_THAT(ran.err, HasSubstr("weights.bin: expected the SHA-256"));
  EXPECT_THAT(ran.err, HasSubstr("goes on after step 8"));
}

TEST_F(CliTrainJob, BadLinesStopOrAreLeftOutByName) {
  std::string lines = bytes_of(chats());
  lines += "{\"messages\": 7}\nno json\n\n";
  const std::string data = scratch_.write("bad.jsonl", lines);
  const Ran stopped = run_program(train(chat_recipe(data), "a"));
  EXPECT_EQ(stopped.status, 1);
  EXPECT_THAT(stopped.err, HasSubstr("bad.jsonl: line 25: expected a list of messages, found number"));
  const Ran skipped = run_program(train(chat_recipe(data), "a", {"--set", "data.bad_lines=skip"}));
  EXPECT_EQ(skipped.status, 0) << skipped.err;
  EXPECT_THAT(skipped.err, HasSubstr("bad.jsonl: line 26: "));
  EXPECT_THAT(skipped.err, HasSubstr("2 bad lines left out"));
}

TEST_F(CliTrainJob, OpensNoSocket) {
  const Ran ran = run_program(train(chat_recipe(chats()), "a"), "", {}, end_at_a_socket);
  EXPECT_EQ(ran.status, 0) << ran.err;
  // What would have happened: a server does.
  const Ran server = run_program({"serve", tiny().string(), "--listen", "127.0.0.1:0"}, "", {}, end_at_a_socket);
  EXPECT_EQ(server.status, -SIGSYS) << server.err;
}

TEST_F(CliTrainJob, AFullDiskLeavesTheLastGoodCheckpoint) {
  const std::string recipe = pretraining();
  ASSERT_EQ(run_program(train(recipe, "a", {"--set", "steps=8"})).status, 0);
  const std::string before = weights("a", 8);
  // No file may be larger than a part of a checkpoint.
  const Ran full = run_program(train(recipe, "a", {"--resume", "--set", "steps=12"}), "", {}, allow_small_files_alone);
  EXPECT_EQ(full.status, 1);
  EXPECT_THAT(full.err, HasSubstr("the checkpoints before it are there, and training goes on"));
  EXPECT_THAT(full.err, HasSubstr("make room and go on with --resume"));
  EXPECT_EQ(weights("a", 8), before);
  EXPECT_FALSE(fs::exists(fs::path(scratch_.path("a")) / "checkpoints/step-000000012"));
  const Ran resumed = run_program(train(recipe, "a", {"--resume", "--set", "steps=12"}));
  EXPECT_EQ(resumed.status, 0) << resumed.err;
  EXPECT_EQ(weights("a", 12).size(), before.size());
}

// A checkpoint whose embedding of one token is no number, as a broken file may have it.
class CliTrainTrouble : public CliTrainJob {
 protected:
  void SetUp() override {
    const fs::path folder = scratch_.path("broken");
    fs::create_directories(folder);
    for (const char* name : {"config.json", "tokenizer.json"}) fs::copy_file(tiny() / name, folder / name);
    std::string file = bytes_of(tiny() / "model.safetensors");
    uint64_t header = 0;
    std::memcpy(&header, file.data(), sizeof(header));
    const Json json = Json::parse(file.substr(8, header));
    const auto begin = json.at("model.embed_tokens.weight").at("data_offsets").at(0).get<size_t>();
    // Of "7", which is a byte's own token.
    const Json vocabulary = Json::parse(bytes_of(tiny() / "tokenizer.json")).at("model").at("vocab");
    const size_t row = vocabulary.at("7").get<size_t>() * 64 * 2;
    for (size_t index = 0; index < 64; ++index) {
      file[8 + header + begin + row + 2 * index] = '\xc0';
      file[8 + header + begin + row + 2 * index + 1] = '\x7f';
    }
    std::ofstream(folder / "model.safetensors", std::ios::binary) << file;
  }
  Arguments broken(const std::string& out, const Arguments& more) const {
    Arguments all = train(chat_recipe(chats()), out, {"--set", "model.start=" + scratch_.path("broken")});
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
};

TEST_F(CliTrainTrouble, NumbersThatAreNoneStopTheJobAndTheirBatchCanBeLookedAt) {
  const Ran ran = run_program(broken("a", {"--set", "data.rows=8"}));
  EXPECT_EQ(ran.status, 1);
  EXPECT_THAT(ran.err, HasSubstr("step 1: a loss of "));
  EXPECT_THAT(ran.err, HasSubstr("the job stops"));
  const fs::path batch = fs::path(scratch_.path("a")) / "trouble/step-1-batch-0.safetensors";
  ASSERT_TRUE(fs::exists(batch));
  const Json looked_at = run_json({"train", "gradients", tiny().string(), batch.string(), "--json"});
  EXPECT_GT(looked_at.at("tokens").get<int64_t>(), 0);
}

TEST_F(CliTrainTrouble, StepsAreLeftOutOrGoneBackFromAsTheRecipeWants) {
  const Ran left_out =
      run_program(broken("a", {"--set", "data.rows=1", "--set", "watch.not_finite=go-on", "--set", "adapter.rank=2"}));
  EXPECT_EQ(left_out.status, 0) << left_out.err;
  EXPECT_THAT(left_out.err, HasSubstr("the step is left out"));
  const Ran rewound = run_program(broken("b", {"--set", "data.rows=1", "--set", "watch.not_finite=rewind", "--set",
                                               "watch.rewinds=20", "--set", "adapter.rank=2"}));
  EXPECT_EQ(rewound.status, 0) << rewound.err;
  EXPECT_THAT(rewound.err, HasSubstr("goes back to step "));
  EXPECT_EQ(logged("b", "saved", "step").rbegin()->first, 6);
}

}  // namespace
}  // namespace paddock::test
