// SPDX-License-Identifier: Apache-2.0
// Many clients, and many requests.

#include <sys/resource.h>

#include <fstream>

#include "base/clock.h"
#include "net/test_client.h"

namespace paddock::net {
namespace {

size_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  size_t total = 0, resident = 0;
  statm >> total >> resident;
  return resident * static_cast<size_t>(::sysconf(_SC_PAGESIZE));
}

TEST(ServerLoad, ManyIdleConnectionsAndOneBusy) {
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  if (limit.rlim_max < 4096) GTEST_SKIP() << "needs 4,096 open files, the hard limit is " << limit.rlim_max;
  ServerOptions options;
  options.limits.connections_per_address = 4000;
  TestServer server(options);  // raises the soft limit, for the clients of this process too
  const size_t before = resident_bytes();
  std::vector<TestClient> idle;
  for (int index = 0; index < 1000; ++index) {
    idle.push_back(server.client());
    ASSERT_TRUE(idle.back().connected()) << index;
  }
  EXPECT_TRUE(becomes_true([&] { return server->statistics().connections == 1000; }));
  TestClient busy = server.client();
  double slowest = 0;
  for (int index = 0; index < 50; ++index) {
    const Stopwatch watch;
    EXPECT_EQ(busy.ask(get("/hello")).body, "hello");
    slowest = std::max(slowest, watch.seconds());
  }
  EXPECT_LT(slowest, 0.5);
  EXPECT_LT(resident_bytes() - before, size_t{1000} * 64 << 10);  // both ends
  EXPECT_EQ(idle[500].ask(get("/hello")).body, "hello");
  RecordProperty("bytes_a_connection", std::to_string((resident_bytes() - before) / 1000));
}

// Requests of one client after another answer, and how many a second.
double ask_often(const TestServer& server, int requests) {
  TestClient client = server.client();
  const std::string request = get("/zeros?size=100", "Accept: application/json\r\n");
  const Stopwatch watch;
  for (int index = 0; index < requests; ++index)
    if (client.ask(request).body.size() != 100) ADD_FAILURE() << "request " << index;
  return requests / watch.seconds();
}

TEST(ServerLoad, ShortRequestsLeaveNoMemoryBehind) {
  TestServer server;
  const auto connections = [&](int count) {
    for (int index = 0; index < count; ++index)
      ASSERT_EQ(server.client().ask(get("/hello", "Connection: close\r\n")).status, 200);
  };
  ask_often(server, 1000);
  connections(500);
#ifdef PADDOCK_SANITIZED
  constexpr size_t kGrowth = 256 << 20;  // freed memory is kept for a while
#else
  constexpr size_t kGrowth = 2 << 20;
#endif
  const size_t before = resident_bytes();
  const double rate = ask_often(server, 10000);
  connections(2000);
  EXPECT_LT(resident_bytes(), before + kGrowth);
  EXPECT_TRUE(becomes_true([&] { return server->statistics().connections == 0; }));
  RecordProperty("requests_a_second", static_cast<int>(rate));
}

// PADDOCK_NET_RATE=1 prints requests a second by one connection and by 64, for docs; the client, with a thread for each
// connection, shares the processors with the server.
TEST(ServerLoad, Rate) {
  if (!std::getenv("PADDOCK_NET_RATE")) GTEST_SKIP() << "PADDOCK_NET_RATE is not set";
  TestServer server;
  ask_often(server, 1000);
  std::printf("1 connection: %.0f requests/s\n", ask_often(server, 20000));
  std::vector<std::thread> clients;
  const Stopwatch watch;
  for (int index = 0; index < 64; ++index) clients.emplace_back([&] { ask_often(server, 1000); });
  for (std::thread& client : clients) client.join();
  std::printf("64 connections: %.0f requests/s\n", 64000 / watch.seconds());
}

}  // namespace
}  // namespace paddock::net
