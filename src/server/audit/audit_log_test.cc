// SPDX-License-Identifier: Apache-2.0
// The writer and its files: what is found when they are changed, what survives a killed process and a full disk.

#include "server/audit/audit_log.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "base/utc_time.h"
#include "server/audit/log_folder.h"
#include "server/audit/verify.h"
#include "server/auth/api_key.h"
#include "server/auth/manual_time.h"

namespace paddock::server::audit {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class AuditLogTest : public testing::Test {
 protected:
  AuditLogTest() {
    std::string name = (fs::temp_directory_path() / "paddock-audit-XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    scratch_ = name;
    folder_ = scratch_ / "audit";
  }
  ~AuditLogTest() override {
    ::umount2(folder_.c_str(), MNT_DETACH);  // of a test that ended early
    std::error_code ignored;
    fs::remove_all(scratch_, ignored);
  }

  std::unique_ptr<AuditLog> open(const AuditOptions& options = {}) {
    auto log = AuditLog::open(folder_, options, time_);
    EXPECT_TRUE(log) << log.error().message;
    return log ? std::move(*log) : nullptr;
  }
  static Record record(const std::string& model = "scout") {
    Record record;
    record.key_id = "0123456789ab", record.route = "/v1/chat/completions", record.model = model;
    record.parameters = {{"temperature", 0.5}, {"stop", {"a", "b"}}};
    record.prompt_tokens = 12, record.cached_tokens = 8, record.output_tokens = 30;
    record.finish_reason = "stop", record.http_status = 200, record.latency_us = 1234;
    record.client_address = "127.0.0.1", record.prompt = "What is it?", record.output = "It is so.";
    return record;
  }
  void write(int count, const AuditOptions& options = {}) {
    const auto log = open(options);
    for (int index = 0; index < count; ++index) EXPECT_TRUE(log->append(record()));
  }

  static std::string read(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static void overwrite(const fs::path& path, const std::string& text) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
  }
  fs::path segment(int64_t number = 1) const { return segment_path(folder_, number); }
  std::vector<Json> records() const {
    std::vector<Json> found;
    const auto files = segment_files(folder_);
    for (const fs::path& file : *files) {
      std::ifstream lines(file);
      for (std::string line; std::getline(lines, line);) found.push_back(Json::parse(line));
    }
    return found;
  }
  std::vector<std::string> findings(const std::optional<Digest>& wanted = {}) const {
    const auto done = verify_log(folder_, wanted);
    EXPECT_TRUE(done) << done.error().message;
    std::vector<std::string> names;
    for (const Finding& finding : done->findings)
      names.push_back(std::string(name_of(finding.kind)) + " " + std::to_string(finding.sequence));
    return names;
  }

  auth::ManualTime time_;
  fs::path scratch_, folder_;
};

TEST_F(AuditLogTest, RecordsAreChainedLinesOfJson) {
  {
    const auto log = open();
    ASSERT_TRUE(log->append(record()));
    time_.pass_ms(5);
    Record other = record("maverick \xff\"");
    other.time_ns = *parse_utc("2026-11-23T11:00:00.000000007Z");
    ASSERT_TRUE(log->append(other));
    EXPECT_EQ(log->status().records, 3);
    EXPECT_EQ(log->status().trouble, "");
    EXPECT_EQ(log->repair(), "");
  }
  const auto all = records();
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0]["kind"], "started");
  EXPECT_EQ(all[1]["sequence"], 2);
  EXPECT_EQ(all[1]["time"], "2026-11-23T12:00:00.000000000Z");
  EXPECT_EQ(all[1]["key"], "0123456789ab");
  EXPECT_EQ(all[1]["parameters"].dump(), R"({"temperature":0.5,"stop":["a","b"]})");
  EXPECT_EQ(all[1]["cached_tokens"], 8);
  EXPECT_EQ(all[1]["status"], 200);
  EXPECT_FALSE(all[1].contains("content"));
  EXPECT_EQ(all[2]["time"], "2026-11-23T11:00:00.000000007Z");
  EXPECT_EQ(all[2]["model"], "maverick \xEF\xBF\xBD\"");
  EXPECT_EQ(all[2]["previous"], all[1]["hash"]);
  EXPECT_THAT(findings(), IsEmpty());
  struct stat status {};
  ASSERT_EQ(::stat(segment().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(AuditLogTest, ContentByPolicy) {
  write(1, {.content = ContentPolicy::kHash});
  write(1, {.content = ContentPolicy::kFull});
  const auto all = records();
  EXPECT_EQ(all[1]["content"]["prompt_sha256"], to_hex(sha256("What is it?")));
  EXPECT_EQ(all[1]["content"].size(), 2u);
  EXPECT_EQ(all[2]["content"]["output"], "It is so.");
  EXPECT_EQ(content_policy_named("full"), ContentPolicy::kFull);
  EXPECT_FALSE(content_policy_named("some"));
}

TEST_F(AuditLogTest, SecretsNeverReachIt) {
  const std::string secret = auth::new_secret()->text;
  {
    const auto log = open({.content = ContentPolicy::kFull});
    Record leaky = record(secret);
    leaky.key_id = leaky.route = leaky.finish_reason = leaky.client_address = secret;
    leaky.parameters = {{"user", secret}, {secret, {{"x", "Bearer " + secret}}}};
    leaky.prompt = "my key is " + secret + ".", leaky.output = secret + secret;
    ASSERT_TRUE(log->append(leaky));
  }
  for (const auto& entry : fs::directory_iterator(folder_)) {
    const std::string text = read(entry.path());
    EXPECT_THAT(text, Not(HasSubstr(secret.substr(17, 20)))) << entry.path();
    EXPECT_THAT(text, Not(HasSubstr(secret.substr(60)))) << entry.path();
  }
  EXPECT_THAT(read(segment()), HasSubstr("my key is " + secret.substr(0, 16) + "_[redacted]."));
  EXPECT_THAT(findings(), IsEmpty());
}

TEST_F(AuditLogTest, TheChainGoesOnOverSegmentsAndRestarts) {
  for (int run = 0; run < 4; ++run) write(25, {.segment_bytes = 4000});
  EXPECT_GT(segments_of(folder_)->size(), 8u);
  EXPECT_THAT(findings(), IsEmpty());
  EXPECT_EQ(records().size(), 101u);
  EXPECT_EQ(head_of(folder_)->sequence, 101);
  // Each alone may begin anywhere.
  EXPECT_TRUE(verify_log(segment(3))->is_intact());
  fs::remove(segment(3));
  const auto without = verify_log(folder_);
  ASSERT_EQ(without->findings.size(), 1u);
  EXPECT_EQ(without->findings[0].kind, Finding::Kind::kMissing);
  EXPECT_THAT(without->findings[0].sentence, HasSubstr("are missing"));
}

TEST_F(AuditLogTest, EveryChangedByteOfTheFilesIsFound) {
  write(3);
  for (const fs::path& path : {segment(), head_path(folder_)}) {
    const std::string good = read(path);
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    const auto put = [&](size_t place, char byte) {
      file.seekp(static_cast<std::streamoff>(place));
      file.put(byte).flush();
    };
    for (size_t place = 0; place < good.size(); ++place) {
      put(place, static_cast<char>(good[place] ^ 1));
      ASSERT_THAT(findings(), Not(IsEmpty())) << path << " at " << place;
      put(place, good[place]);
    }
    file.close();
    for (size_t length = good.size(); length-- > 0;) {
      fs::resize_file(path, length);
      ASSERT_THAT(findings(), Not(IsEmpty())) << path << " cut at " << length;
    }
    overwrite(path, good);
  }
  EXPECT_THAT(findings(), IsEmpty());
  fs::remove(head_path(folder_));
  EXPECT_THAT(findings(), ElementsAre("head 4"));
}

TEST_F(AuditLogTest, AHashKeptElsewhereProvesThatTheLogGoesOn) {
  write(3);
  const Link kept = *head_of(folder_);
  write(3);
  EXPECT_THAT(findings(kept.hash), IsEmpty());
  EXPECT_EQ(verify_log(folder_, kept.hash)->wanted_at, kept.sequence);
  fs::remove_all(folder_);
  time_.pass_seconds(1);
  write(6);  // another log in its place, whole in itself
  EXPECT_THAT(findings(), IsEmpty());
  EXPECT_THAT(findings(kept.hash), ElementsAre("head 7"));
}

TEST_F(AuditLogTest, ATornRecordIsCutAndToldOf) {
  write(2);
  const std::string good = read(segment());
  const size_t last_line = good.rfind('\n', good.size() - 2) + 1;
  for (const size_t length : {size_t{1}, good.size() - last_line - 1}) {
    // The next record was being written when the process was stopped.
    overwrite(segment(), good + good.substr(last_line, length));
    EXPECT_THAT(findings(), ElementsAre("torn 4"));
    const auto log = open();
    EXPECT_THAT(log->repair(), HasSubstr(fmt::format("{} bytes behind record 3", length)));
    EXPECT_TRUE(log->append(record()));
    EXPECT_THAT(findings(), IsEmpty());
    const auto all = records();
    ASSERT_EQ(all.size(), 5u);
    EXPECT_EQ(all[3]["kind"], "cut");
    EXPECT_THAT(verify_log(folder_)->notes, ElementsAre(HasSubstr("1 records say that a torn record was cut off")));
    EXPECT_EQ(all[3]["bytes"], length);
    EXPECT_EQ(all[3]["sha256"], to_hex(sha256(good.substr(last_line, length))));
    overwrite(head_path(folder_), head_text({3, *digest_from_hex(all[2]["hash"].get<std::string>())}));
  }
}

TEST_F(AuditLogTest, ALogThatLacksWhatItsHeadNamesIsNotContinued) {
  write(5);
  const std::string good = read(segment()), head = read(head_path(folder_));
  const size_t last_line = good.rfind('\n', good.size() - 2) + 1;
  std::string changed = good;
  changed[last_line + 20] ^= 1;
  for (const std::string& bad : {good.substr(0, last_line), good.substr(0, good.size() - 1), changed, std::string()}) {
    overwrite(segment(), bad);
    const auto log = AuditLog::open(folder_, {}, time_);
    ASSERT_FALSE(log);
    EXPECT_EQ(log.error().code, ErrorCode::kBadFile);
    EXPECT_THAT(log.error().message, HasSubstr("its head file names 6"));
    EXPECT_EQ(read(segment()), bad);  // evidence stays as it is
    EXPECT_EQ(read(head_path(folder_)), head);
  }
  overwrite(segment(), good);
  fs::remove(head_path(folder_));
  EXPECT_FALSE(AuditLog::open(folder_, {}, time_));
  overwrite(head_path(folder_), "what?");
  EXPECT_FALSE(AuditLog::open(folder_, {}, time_));
  overwrite(head_path(folder_), head);
  EXPECT_TRUE(AuditLog::open(folder_, {}, time_));
  fs::remove(segment());
  EXPECT_FALSE(AuditLog::open(folder_, {}, time_));
}

TEST_F(AuditLogTest, OneWriterAtATime) {
  const auto log = open();
  const auto second = AuditLog::open(folder_, {}, time_);
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message, HasSubstr("another process writes this audit log"));
  EXPECT_TRUE(is_being_written(folder_));
}

TEST_F(AuditLogTest, ManyThreads) {
  for (const int64_t group_ms : {0, 2}) {
    const auto log = open({.group_ms = group_ms, .segment_bytes = 20'000});
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 8; ++thread)
      threads.emplace_back([&] {
        for (int index = 0; index < 50; ++index) EXPECT_TRUE(log->append(record()));
      });
    std::thread reader([&] {
      for (int index = 0; index < 5; ++index) EXPECT_THAT(findings(), IsEmpty());
    });
    for (std::thread& thread : threads) thread.join();
    reader.join();
    ASSERT_TRUE(log->sync());
    EXPECT_EQ(head_of(folder_)->sequence, log->status().records);
  }
  EXPECT_THAT(findings(), IsEmpty());
  EXPECT_EQ(records().size(), 801u);
}

// A child appends and tells of each record that append() has confirmed; then it is killed at some moment.
TEST_F(AuditLogTest, NothingConfirmedIsLostWhenTheProcessIsKilled) {
  int64_t confirmed = 0;
  for (int round = 0; round < 6; ++round) {
    int pipe_ends[2];
    ASSERT_EQ(::pipe(pipe_ends), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      auto log = AuditLog::open(folder_, {.group_ms = round % 2 == 0 ? 0 : 5, .segment_bytes = 10'000}, time_);
      while (log && (*log)->append(record()) && ::write(pipe_ends[1], "x", 1) == 1) {
      }
      ::_exit(1);
    }
    ::close(pipe_ends[1]);
    char byte;
    for (int wanted = 20 + 13 * round; wanted > 0 && ::read(pipe_ends[0], &byte, 1) == 1; --wanted) ++confirmed;
    ::kill(child, SIGKILL);
    while (::read(pipe_ends[0], &byte, 1) == 1) ++confirmed;
    int status = 0;
    ::waitpid(child, &status, 0);
    ::close(pipe_ends[0]);
    ASSERT_TRUE(WIFSIGNALED(status));
    const auto log = open();
    int64_t requests = 0;
    for (const Json& each : records()) requests += each["kind"] == "request" ? 1 : 0;
    EXPECT_GE(requests, confirmed);
    EXPECT_LE(requests, confirmed + round + 1);  // one each time that was not confirmed any more
    EXPECT_THAT(findings(), IsEmpty());
  }
}

// A limit on the size of files is met like a full disk, in the middle of a record.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  }
  ~FileSizeLimit() { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

TEST_F(AuditLogTest, FullDiskRefusesAndRecovers) {
  const auto log = open();
  const auto size = fs::file_size(segment());
  {
    const FileSizeLimit limit(size + 100);
    EXPECT_TRUE(log->admit());
    for (int index = 0; index < 3; ++index) EXPECT_FALSE(log->append(record()));
    const auto refused = log->admit();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kIo);
    EXPECT_THAT(refused.error().message, HasSubstr("cannot write the audit log"));
    EXPECT_EQ(log->status().waiting, 3);
    EXPECT_THAT(log->status().trouble, HasSubstr("audit-00000001.jsonl"));
    EXPECT_EQ(fs::file_size(segment()), size);  // no piece of a record
    EXPECT_THAT(findings(), IsEmpty());
  }
  EXPECT_TRUE(log->admit());
  EXPECT_EQ(log->status().waiting, 0);
  EXPECT_EQ(log->status().trouble, "");
  EXPECT_TRUE(log->append(record()));
  EXPECT_EQ(log->status().records, 5);
  EXPECT_THAT(findings(), IsEmpty());
}

TEST_F(AuditLogTest, FullDiskGoesOnByPolicyAndCountsWhatIsLost) {
  const int64_t room = 1000;
  const auto log = open({.on_full_disk = OnFullDisk::kContinue, .waiting_bytes = room});
  {
    const FileSizeLimit limit(fs::file_size(segment()));
    for (int index = 0; index < 20; ++index) {
      EXPECT_TRUE(log->admit());
      EXPECT_TRUE(log->append(record()));
    }
    EXPECT_GT(log->status().waiting, 0);
    EXPECT_EQ(log->status().waiting + log->status().lost, 20);
  }
  const AuditStatus before = log->status();
  EXPECT_TRUE(log->append(record()));
  const auto all = records();
  ASSERT_EQ(static_cast<int64_t>(all.size()), 1 + before.waiting + 1 + 1);
  EXPECT_EQ(all[all.size() - 2]["kind"], "lost");
  EXPECT_EQ(all[all.size() - 2]["records"], before.lost);
  EXPECT_THAT(verify_log(folder_)->notes, Contains(HasSubstr("1 records say that others were lost")));
  EXPECT_THAT(findings(), IsEmpty());
}

TEST_F(AuditLogTest, ARealFullDisk) {
  fs::create_directories(folder_);
  if (::mount("tmpfs", folder_.c_str(), "tmpfs", 0, "size=64k") != 0)
    GTEST_SKIP() << "only root can mount a small disk";
  {
    const auto log = open({.segment_bytes = 16'000});
    int64_t written = 0;
    while (written < 1000 && log->append(record())) ++written;
    EXPECT_LT(written, 1000);
    EXPECT_FALSE(log->admit());
    EXPECT_THAT(findings(), IsEmpty());
    fs::remove(segment(1));  // somebody makes room, although not by the best means
    EXPECT_TRUE(log->admit());
    EXPECT_TRUE(log->append(record()));
    EXPECT_EQ(log->status().records, written + 3);
    EXPECT_THAT(findings(), ElementsAre("missing 1"));
  }
  EXPECT_EQ(::umount(folder_.c_str()), 0);
}

TEST_F(AuditLogTest, FoldersThatAreNone) {
  EXPECT_EQ(verify_log(scratch_ / "none").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(verify_log(scratch_).error().code, ErrorCode::kNotFound);
  overwrite(scratch_ / "file", "");
  EXPECT_EQ(verify_log(scratch_ / "file").error().code, ErrorCode::kBadFile);
  EXPECT_FALSE(AuditLog::open(scratch_ / "file", {}, time_));
}

}  // namespace
}  // namespace paddock::server::audit
