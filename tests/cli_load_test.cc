// SPDX-License-Identifier: Apache-2.0
// --load: whichever way weights come into memory, they are the same, they are planned, and what goes wrong is told.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/json.h"
#include "base/mapped_file.h"
#include "tests/support/golden.h"
#include "tests/support/program.h"

namespace paddock::test {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

class CliLoad : public testing::Test {
 protected:
  // A model whose files a test may harm.
  std::string copy_of(const std::string& name) {
    fs::copy(data_folder() / "text" / name, scratch.path(name));
    return scratch.path(name);
  }
  static void make_cold(const fs::path& folder) {
    for (const auto& entry : fs::directory_iterator(folder)) {
      const auto file = MappedFile::open(entry.path());
      ::fsync(file->descriptor());
      ::posix_fadvise(file->descriptor(), 0, 0, POSIX_FADV_DONTNEED);
    }
  }
  // The tokens of a short answer.
  static Json answer(const std::string& model, const std::string& ids, const std::string& mode) {
    return run_json({"run", model, "--tokens", ids, "--json", "--max-tokens", "9", "--ignore-eos", "--load", mode})
        .at("tokens");
  }
  // A model on which `run` waits for its prompt, files open, when `harm` is done to it.
  Ran run_harmed(const std::string& mode, const std::function<void(const fs::path&)>& harm) {
    const std::string model = copy_of("tiny-scout");
    Program program({"run", model, "--max-tokens", "4", "--load", mode, "-v"});
    EXPECT_TRUE(program.wait_for_error("tokens that end an answer"));
    harm(fs::path(model) / "model.safetensors");
    program.write("a");
    return program.finish();
  }

  ScratchFolder scratch;
};

TEST_F(CliLoad, EveryWayGivesTheSameTokens) {
  const std::string ids = scratch.write("ids.json", "[1, 2, 3]");
  for (const char* name : {"tiny-scout", "tiny-maverick", "tiny-fp8"}) {  // one file, shards, scales
    const std::string model = copy_of(name);
    const Json expected = answer(model, ids, "map");
    for (const char* mode : {"map", "read", "lock"})
      for (const bool cold : {false, true}) {
        if (cold) make_cold(model);
        EXPECT_EQ(answer(model, ids, mode), expected) << name << " " << mode << (cold ? " cold" : "");
      }
  }
}

TEST_F(CliLoad, WhatIsReadIsPlanned) {
  const std::string odd = (data_folder() / "text" / "tiny-odd").string();
  const auto plan = [&](const char* mode) {
    return run_json({"inspect", odd, "--json", "--context", "4", "--threads", "1", "--load", mode}).at("memory_plan");
  };
  const auto mapped = plan("map").at("weights").get<int64_t>(), read = plan("read").at("weights").get<int64_t>();
  EXPECT_EQ(mapped, 787392);
  EXPECT_EQ(plan("lock").at("weights"), mapped);
  // Whole pages, but the last is only as long as the file.
  EXPECT_GE(read, mapped);
  EXPECT_LT(read, mapped + 2 * 4096);

  const std::string ids = scratch.write("ids.json", "[1, 2, 3]");
  const auto needed = plan("read").at("total").get<int64_t>();
  const auto run_within = [&](int64_t limit) {
    return run_program({"run", odd, "--tokens", ids, "--context", "4", "--threads", "1", "--load", "read",
                        "--memory-limit", std::to_string(limit)});
  };
  EXPECT_EQ(run_within(needed).status, 0);
  EXPECT_THAT(run_within(needed).err, HasSubstr(" (read), cache "));
  const Ran refused = run_within(needed - 1);
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(refused.err, HasSubstr("weights " + std::to_string(read)));
}

TEST_F(CliLoad, AnUnknownWayIsWrongUsage) {
  const Ran ran = run_program({"run", scratch.path(""), "--load", "guess"});
  EXPECT_EQ(ran.status, 2);
  EXPECT_THAT(ran.err, AllOf(HasSubstr("--load"), HasSubstr("guess")));
}

TEST_F(CliLoad, AFileThatIsCutShortMeanwhileIsTold) {
  const auto cut = [](const fs::path& file) { fs::resize_file(file, 8192); };
  for (const char* mode : {"map", "read", "lock"}) {
    const Ran ran = run_harmed(mode, cut);
    EXPECT_EQ(ran.status, 1) << mode << ": " << ran.err;
    EXPECT_EQ(ran.out, "") << mode;
    EXPECT_THAT(ran.err, AllOf(HasSubstr("paddock: "), HasSubstr("model.safetensors: "))) << mode;
    fs::remove_all(scratch.path("tiny-scout"));
  }
}

TEST_F(CliLoad, ReadWeightsNeedTheFileNoMore) {
  const std::string model = copy_of("tiny-scout");
  const Arguments arguments = {"chat", model, "--temperature", "0", "--max-tokens", "6"};
  Arguments reading = arguments;
  reading.insert(reading.end(), {"--load", "read"});
  const Ran expected = run_program(arguments, "hello\n");
  Program program(reading);
  ASSERT_TRUE(program.wait_for_error("machine "));
  program.write("hello\n");
  ASSERT_TRUE(program.wait_for_first_output());
  fs::resize_file(fs::path(model) / "model.safetensors", 8192);
  EXPECT_EQ(program.finish().out, expected.out);
}

TEST_F(CliLoad, WhatTheSystemForbidsToLockIsTold) {
  const std::string model = copy_of("tiny-scout");
  const std::string ids = scratch.write("ids.json", "[1]");
  rlimit before{};
  ::getrlimit(RLIMIT_MEMLOCK, &before);
  rlimit little = before;
  little.rlim_cur = 65536;
  ASSERT_EQ(::setrlimit(RLIMIT_MEMLOCK, &little), 0);
  Ran ran;
  // A thread of its own, because a right that is given up is gone; an administrator may lock whatever the limit says.
  std::thread([&] {
    ::prctl(PR_CAPBSET_DROP, CAP_IPC_LOCK);
    ran = run_program({"run", model, "--tokens", ids, "--load", "lock", "-q"});
  }).join();
  ::setrlimit(RLIMIT_MEMLOCK, &before);
  EXPECT_EQ(ran.status, 1);
  EXPECT_THAT(ran.err, AllOf(HasSubstr("expected leave for "), HasSubstr("found a limit of 64 KiB"),
                             HasSubstr("ulimit -l"), HasSubstr("--load")));
}

}  // namespace
}  // namespace paddock::test
