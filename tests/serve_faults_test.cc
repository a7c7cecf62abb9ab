// SPDX-License-Identifier: Apache-2.0
// What goes wrong around a server: killed under load, a full disk, clients that are many, slow, idle, or talk nonsense.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/clock.h"
#include "net/test_identity.h"
#include "tests/support/golden.h"
#include "tests/support/running_server.h"

namespace paddock::test {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using testing::HasSubstr;

#ifdef PADDOCK_SANITIZED
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

int64_t resident_bytes(const Program& program) {
  std::ifstream statm("/proc/" + std::to_string(program.id()) + "/statm");
  int64_t total = 0, resident = 0;
  statm >> total >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

std::string content_of(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

std::vector<fs::path> audit_segments(const ScratchFolder& scratch) {
  std::vector<fs::path> segments;
  for (const auto& entry : fs::directory_iterator(scratch.path("audit")))
    if (entry.path().extension() == ".jsonl") segments.push_back(entry.path());
  return segments;
}

// What clients know to have been answered.
struct Answered {
  std::atomic<int64_t> requests{0}, output_tokens{0};
};

// Asks until the server is gone.
void ask_on_and_on(const RunningServer& server, int seed, Answered* answered) {
  net::TestClient client = server.client();
  for (int index = 0;; ++index) {
    const std::string body = chat("Hello " + std::to_string(index), seed, 1 + index % 5).dump();
    const net::TestResponse response = client.ask(server.post_text("/v1/chat/completions", body));
    if (response.status == 0 || response.ended) return;
    ASSERT_EQ(response.status, 200) << response.body;
    answered->output_tokens += Json::parse(response.body)["usage"]["completion_tokens"].get<int64_t>();
    ++answered->requests;
  }
}

// No answer that a client has got is missing in bill or audit trail; at most those that were under way are there
// beside.
TEST(ServeFaults, KilledUnderLoadItForgetsNothing) {
  ScratchFolder scratch;
  const std::string key = make_key(scratch, "load");
  constexpr int kClients = 6, kRounds = 3;
  Answered answered;
  for (int round = 0; round < kRounds; ++round) {
    RunningServer server(scratch, {"--log-format", "none"});
    server.use_key(key);
    const int64_t before = answered.requests;
    std::vector<std::thread> clients;
    for (int index = 0; index < kClients; ++index)
      clients.emplace_back([&, index] { ask_on_and_on(server, index, &answered); });
    EXPECT_TRUE(net::becomes_true([&] { return answered.requests > before + 50; }, milliseconds(60000)));
    server.program().send_signal(SIGKILL);
    for (std::thread& client : clients) client.join();
  }
  int64_t requests = 0, output_tokens = 0, records = 0;
  for (const Json& row : run_json({"keys", "usage", "--database", scratch.path("keys.db"), "--json"})) {
    requests += row["requests"].get<int64_t>();
    output_tokens += row["output_tokens"].get<int64_t>();
  }
  EXPECT_GE(requests, answered.requests);
  EXPECT_LE(requests, answered.requests + kClients * kRounds);
  EXPECT_GE(output_tokens, answered.output_tokens);
  EXPECT_LE(output_tokens, answered.output_tokens + kClients * kRounds * 5);

  RunningServer again(scratch);
  EXPECT_EQ(again.get("/v1/models").status, 401);
  again.use_key(key);
  EXPECT_FALSE(again.text_of(chat("Hello", 1, 3)).empty());
  for (const fs::path& segment : audit_segments(scratch)) {
    const std::string text = content_of(segment);
    for (size_t at = 0; (at = text.find("POST /v1/chat/completions", at)) != std::string::npos; ++at) ++records;
  }
  EXPECT_GE(records, answered.requests + 1);
  EXPECT_LE(records, answered.requests + 1 + kClients * kRounds);
  again.program().send_signal(SIGTERM);
  EXPECT_EQ(again.program().finish().status, 0);
  const Ran verified = run_program({"audit", "verify", scratch.path("audit")});
  EXPECT_EQ(verified.status, 0) << verified.out << verified.err;
}

// As a full disk: files of the process may not grow any more.
class FullDisk {
 public:
  FullDisk(const RunningServer& server, const ScratchFolder& scratch) : process_(server.program().id()) {
    uintmax_t most = 0;
    for (const fs::path& segment : audit_segments(scratch)) most = std::max(most, fs::file_size(segment));
    rlimit limit{};
    ::prlimit(process_, RLIMIT_FSIZE, nullptr, &before_);
    limit = {most + 10, before_.rlim_max};
    EXPECT_EQ(::prlimit(process_, RLIMIT_FSIZE, &limit, nullptr), 0);
  }
  ~FullDisk() { ::prlimit(process_, RLIMIT_FSIZE, &before_, nullptr); }

 private:
  pid_t process_;
  rlimit before_{};
};

TEST(ServeFaults, WithAFullDiskNothingIsAnsweredThatCannotBeRecorded) {
  ScratchFolder scratch;
  RunningServer server(scratch);
  server.text_of(chat("Hello", 1, 2));
  {
    const FullDisk full(server, scratch);
    server.text_of(chat("Hello", 2, 2));  // nobody knew yet; its record waits
    const net::TestResponse refused = server.post("/v1/chat/completions", chat("Hello", 3, 2));
    EXPECT_EQ(refused.status, 503);
    EXPECT_THAT(refused.body, HasSubstr("audit log cannot be written"));
    const net::TestResponse ready = server.get("/ready");
    EXPECT_EQ(ready.status, 503);
    EXPECT_THAT(ready.body, HasSubstr("audit log cannot be written"));
    EXPECT_EQ(server.get("/health").status, 200);
    EXPECT_GE(server.metric("paddock_audit_waiting_records"), 1);
  }
  EXPECT_EQ(server.get("/ready").status, 200);
  server.text_of(chat("Hello", 4, 2));
  server.program().send_signal(SIGTERM);
  EXPECT_EQ(server.program().finish().status, 0);
  EXPECT_EQ(run_program({"audit", "verify", scratch.path("audit")}).status, 0);
}

TEST(ServeFaults, WithAFullDiskItGoesOnWhereThatIsThePolicy) {
  ScratchFolder scratch;
  RunningServer server(scratch, {"--audit-full-disk", "continue"});
  server.text_of(chat("Hello", 1, 2));
  {
    const FullDisk full(server, scratch);
    for (int seed = 2; seed < 6; ++seed) server.text_of(chat("Hello", seed, 2));
    EXPECT_EQ(server.get("/ready").status, 200);
    EXPECT_GE(server.metric("paddock_audit_waiting_records"), 4);
  }
  server.text_of(chat("Hello", 6, 2));
  EXPECT_EQ(server.metric("paddock_audit_waiting_records"), 0);
  EXPECT_EQ(server.metric("paddock_audit_lost_records_total"), 0);
  server.program().send_signal(SIGTERM);
  EXPECT_EQ(server.program().finish().status, 0);
  EXPECT_EQ(run_program({"audit", "verify", scratch.path("audit")}).status, 0);
}

// Streams of more than the system buffers for a connection, read a byte at a time: nobody waits for them, and they are
// cut off when --write-time is over.
TEST(ServeFaults, SlowReadersHoldNobodyUpAndAreCutOff) {
  ScratchFolder scratch;
  RunningServer server(scratch, {"--write-time", "1", "--cache-bytes", "40000000"});
  Json request = chat("Hello", 1, 900);
  request["stream"] = request["logprobs"] = true;
  request["top_logprobs"] = 20;
  request["n"] = 8;
  std::vector<net::TestClient> slow;
  for (int index = 0; index < 2; ++index) {
    slow.emplace_back(server.address(), 4096);
    slow.back().send(server.post_text("/v1/chat/completions", request.dump()));
    ASSERT_TRUE(slow.back().receive_until("delta"));
  }
  const Stopwatch watch;
  while (server.metric("paddock_connections") > 1 && watch.seconds() < 60) {  // one is that of the question itself
    for (net::TestClient& client : slow) client.receive(milliseconds(1), 1);
    const Stopwatch one;
    server.text_of(chat("Hello", 2, 3));
    EXPECT_LT(one.seconds(), kSanitized ? 20 : 5);
    std::this_thread::sleep_for(milliseconds(250));
  }
  EXPECT_EQ(server.metric("paddock_connections"), 1);
  EXPECT_TRUE(net::becomes_true([&] { return server.metric("paddock_requests_running") == 0; }));
  for (net::TestClient& client : slow) {
    EXPECT_TRUE(client.is_closed());
    EXPECT_EQ(client.received().find("[DONE]"), std::string::npos);
  }
}

TEST(ServeFaults, ManyIdleConnectionsAreNoBurden) {
  constexpr int kIdle = 1000;
  rlimit files{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &files), 0);
  if (files.rlim_max < 2 * kIdle) GTEST_SKIP() << "needs 2,000 open files, the hard limit is " << files.rlim_max;
  const rlimit all{files.rlim_max, files.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &all), 0);
  ScratchFolder scratch;
  RunningServer server(scratch, {"--connections", "1100", "--connections-per-address", "1050"});
  server.text_of(chat("Hello", 1, 3));
  const int64_t before = resident_bytes(server.program());
  std::vector<net::TestClient> idle;
  for (int index = 0; index < kIdle; ++index) {
    idle.push_back(server.client());
    if (index % 2 == 0) idle.back().send("POST /v1/chat/completions HTTP/1.1\r\nHost: ");  // and no more
  }
  EXPECT_TRUE(net::becomes_true([&] { return server.metric("paddock_connections") > kIdle; }));
  for (int seed = 0; seed < 20; ++seed) {
    const Stopwatch watch;
    server.text_of(chat("Hello", seed, 5));
    EXPECT_LT(watch.seconds(), kSanitized ? 5 : 1);
  }
  EXPECT_LT(resident_bytes(server.program()) - before, int64_t{kIdle} * (kSanitized ? 256 : 64) << 10);
  EXPECT_EQ(idle[501].ask(server.head("GET", "/health", "") + "\r\n").status, 200);
  std::vector<net::TestClient> more;  // one client more than an address may have is told so
  for (int index = 0; index < 60; ++index) more.push_back(server.client());
  EXPECT_EQ(more.back().response().status, 503);
  const Stopwatch watch;
  server.program().send_signal(SIGTERM);
  EXPECT_EQ(server.program().finish().status, 0);
  EXPECT_LT(watch.seconds(), 20) << "nobody waits for those who do nothing";
}

TEST(ServeFaults, ShortRequestsLeaveNoMemoryBehind) {
  const int rounds = kSanitized ? 10 : 100;
  ScratchFolder scratch;
  const std::string key = make_key(scratch, "many");
  RunningServer server(scratch, {"--log-format", "none"});
  server.use_key(key);
  // A hundred requests of every kind, on a connection that stays and on ones that do not.
  const auto ask = [&](int seed) {
    net::TestClient client = server.client();
    for (int index = 0; index < 25; ++index) {
      Json request = chat("Hello " + std::to_string(seed * 25 + index), seed, 2);
      request["stream"] = index % 2 == 0;
      ASSERT_EQ(client.ask(server.post_text("/v1/chat/completions", request.dump())).status, 200);
      const std::string text = R"({"model": "tiny", "prompt": "Some words to count"})";
      ASSERT_EQ(client.ask(server.post_text("/tokenize", text)).status, 200);
      ASSERT_EQ(client.ask(server.post_text("/v1/messages", "{}")).status, 400);
      ASSERT_EQ(server.get("/v1/models").status, 200);
    }
  };
  int64_t warm = 0;
  for (int round = 0; round < rounds; ++round) {
    if (round == rounds / 5) warm = resident_bytes(server.program());
    ask(round);
    if (HasFatalFailure()) return;
  }
  const int64_t growth = resident_bytes(server.program()) - warm;
  RecordProperty("growth", std::to_string(growth));
  EXPECT_LT(growth, kSanitized ? 256 << 20 : 4 << 20);  // sanitizers keep what was freed for a while
  EXPECT_EQ(server.metric("paddock_requests_running"), 0);
}

// Everything that fuzzing has found worth keeping, and cuts of it, sent to the program itself.
TEST(ServeFaults, NonsenseIsRefusedAndHurtsNobody) {
  ScratchFolder scratch;
  RunningServer server(scratch, {"--log-format", "none"});
  std::vector<std::string> inputs = {std::string(200000, 'a'), std::string(70000, '\n'), std::string(5000, '\0'),
                                     "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", server.head("GET", "/", "")};
  for (const char* name : {"http_request", "http_connection", "target"})
    for (const auto& entry : fs::directory_iterator(data_folder() / "../../fuzz/corpus" / name)) {
      const std::string text = content_of(entry.path());
      inputs.push_back(text);
      inputs.push_back(text.substr(0, text.size() / 2));
      inputs.push_back("GET " + text + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    }
  for (const std::string& input : inputs) {
    net::TestClient client = server.client();
    client.send(input);
    client.end_sending();
    EXPECT_TRUE(client.is_closed()) << testing::PrintToString(input.substr(0, 100));
    const std::string& received = client.received();
    EXPECT_TRUE(received.empty() || received.starts_with("HTTP/1.1 ")) << received;
    EXPECT_FALSE(received.starts_with("HTTP/1.1 5")) << testing::PrintToString(input.substr(0, 100)) << received;
  }
  EXPECT_FALSE(server.text_of(chat("Hello", 1, 3)).empty());
  EXPECT_GT(inputs.size(), 20u);
}

// An expired certificate is used, as clients decide, but never without a word.
TEST(ServeFaults, AnExpiredCertificateIsToldOf) {
  ScratchFolder scratch;
  const std::string certificate = scratch.path("server.pem"), key = scratch.path("server.key");
  net::write_identity(net::make_identity("server", nullptr, -3600), certificate, key);
  Program server({"serve", "tiny=" + (data_folder() / "text" / "tiny-scout").string(), "--listen", "127.0.0.1:0",
                  "--keys", scratch.path("keys.db"), "--cache-bytes", "2000000", "--tls-certificate", certificate,
                  "--tls-key", key});
  ASSERT_TRUE(server.wait_for_error("curl https"));
  EXPECT_THAT(server.error_so_far(), HasSubstr("has expired"));
  net::write_identity(net::make_identity("server"), certificate, key);
  const size_t begin = server.error_so_far().size();
  server.send_signal(SIGHUP);
  ASSERT_TRUE(server.wait_for_error("were read again"));
  EXPECT_EQ(server.error_so_far().find("expired", begin), std::string::npos);
  net::write_identity(net::make_identity("server", nullptr, -3600), certificate, key);
  server.send_signal(SIGHUP);
  ASSERT_TRUE(server.wait_for_error("has expired", begin));
  server.send_signal(SIGTERM);
  EXPECT_EQ(server.finish().status, 0);
}

}  // namespace
}  // namespace paddock::test
