// SPDX-License-Identifier: Apache-2.0
// Clients that go away, and a server that does.

#include <atomic>

#include "base/clock.h"
#include "net/test_client.h"

namespace paddock::net {
namespace {

using Seconds = std::chrono::duration<double>;

struct Notice {
  std::atomic<int> calls{0};
  void watch(Exchange& exchange) {
    exchange.on_disconnect([this] { ++calls; });
  }
  bool comes(milliseconds patience = kPatience) {
    return becomes_true([this] { return calls > 0; }, patience);
  }
};

// How long it takes until a stream that nobody writes to learns that its client has gone.
double seconds_to_notice(TestServer& server) {
  TestClient client = server.client();
  client.send(get("/hold"));
  const auto exchange = server.held();
  if (!exchange) return 1e9;
  Notice notice;
  notice.watch(*exchange);
  exchange->begin_stream(200, {});
  EXPECT_TRUE(client.receive_until("\r\n\r\n"));
  std::this_thread::sleep_for(milliseconds(20));
  EXPECT_EQ(notice.calls, 0);
  EXPECT_TRUE(exchange->is_open());
  const Stopwatch watch;
  client.close();
  EXPECT_TRUE(notice.comes());
  const double seconds = watch.seconds();
  EXPECT_FALSE(exchange->is_open());
  // What is written from now on ends the connection, not the process.
  for (int index = 0; index < 1000 && exchange->write("more"); ++index) std::this_thread::sleep_for(milliseconds(1));
  EXPECT_FALSE(exchange->write("more"));
  EXPECT_EQ(notice.calls, 1);
  return seconds;
}

TEST(Disconnect, IsNoticedDuringASilentStream) {
  TestServer server;
  double best = 1e9;  // of some, because the machine may be busy with other things
  for (int attempt = 0; attempt < 3; ++attempt) best = std::min(best, seconds_to_notice(server));
  EXPECT_LT(best, 0.2);
}

TEST(Disconnect, IsNoticedWhileAPipelinedRequestWaits) {
  TestServer server;
  TestClient client = server.client();
  client.send(get("/hold") + get("/hello"));
  const auto exchange = server.held();
  ASSERT_TRUE(exchange);
  Notice notice;
  notice.watch(*exchange);
  client.close();
  EXPECT_TRUE(notice.comes());
}

TEST(Disconnect, IsToldToWhoAsksLate) {
  TestServer server;
  TestClient client = server.client();
  client.send(get("/hold"));
  const auto exchange = server.held();
  ASSERT_TRUE(exchange);
  client.close();
  EXPECT_TRUE(becomes_true([&] { return !exchange->is_open(); }));
  Notice notice;
  notice.watch(*exchange);
  EXPECT_EQ(notice.calls, 1);
}

TEST(Disconnect, IsNotToldAfterTheAnswer) {
  TestServer server;
  TestClient client = server.client();
  client.send(get("/hold"));
  const auto exchange = server.held();
  ASSERT_TRUE(exchange);
  Notice notice;
  notice.watch(*exchange);
  exchange->respond({});
  client.response();
  client.close();
  EXPECT_TRUE(becomes_true([&] { return server->statistics().connections == 0; }));
  EXPECT_EQ(notice.calls, 0);
}

// A client that ends its side counts as gone, and gets what is answered all the same.
TEST(Disconnect, HalfClosedClientsAreStillAnswered) {
  TestServer server;
  TestClient client = server.client();
  client.send(get("/hold") + get("/hello"));
  client.end_sending();
  const auto exchange = server.held();
  ASSERT_TRUE(exchange);
  Notice notice;
  notice.watch(*exchange);
  EXPECT_TRUE(notice.comes());
  EXPECT_TRUE(exchange->respond({200, {}, "answered"}));
  EXPECT_EQ(client.response().body, "answered");
  EXPECT_EQ(client.response().body, "hello");
  EXPECT_TRUE(client.is_closed());
}

TEST(Disconnect, AbortBreaksTheStreamOff) {
  TestServer server;
  TestClient client = server.client();
  client.send(get("/hold"));
  const auto exchange = server.held();
  ASSERT_TRUE(exchange);
  exchange->begin_stream(200, {});
  ASSERT_TRUE(client.receive_until("\r\n\r\n"));
  exchange->abort();
  EXPECT_TRUE(client.response().ended);
  EXPECT_FALSE(exchange->write("more"));
}

// Also while the connection is in the middle of a write that the client does not take.
TEST(Disconnect, AbortReachesAConnectionThatStandsStill) {
  ServerOptions options;
  options.limits.send_buffer_bytes = 16 << 10;
  TestServer server(options);
  TestClient client = server.client(4096);
  client.send(get("/hold"));
  const auto exchange = server.held();
  ASSERT_TRUE(exchange);
  exchange->begin_stream(200, {});
  for (int index = 0; index < 10; ++index) {
    exchange->write(std::string(100000, 'x'));
    std::this_thread::sleep_for(milliseconds(10));
  }
  EXPECT_GT(exchange->bytes_queued(), 500000u);
  exchange->abort();
  const Stopwatch watch;
  EXPECT_TRUE(becomes_true([&] { return server->statistics().connections == 0; }));
  EXPECT_LT(watch.seconds(), 1);
}

TEST(Stop, ClosesIdleConnectionsAndWaitsForAnswers) {
  TestServer server;
  TestClient idle = server.client(), busy = server.client();
  EXPECT_EQ(idle.ask(get("/hello")).status, 200);
  busy.send(get("/hold"));
  const auto exchange = server.held();
  ASSERT_TRUE(exchange);
  std::thread stopping([&] { server->stop(kPatience); });
  EXPECT_TRUE(idle.is_closed());
  EXPECT_FALSE(TestClient(server.address()).connected());
  EXPECT_TRUE(exchange->is_open());
  exchange->respond({200, {}, "in time"});
  EXPECT_EQ(busy.response().body, "in time");
  EXPECT_TRUE(busy.is_closed());
  busy.close();
  const Stopwatch watch;
  stopping.join();
  EXPECT_LT(watch.seconds(), Seconds(kPatience).count() / 2);
}

TEST(Stop, CutsWhatOutlastsTheGrace) {
  TestServer server;
  TestClient client = server.client();
  client.send(get("/hold"));
  const auto exchange = server.held();
  ASSERT_TRUE(exchange);
  Notice notice;
  notice.watch(*exchange);
  exchange->begin_stream(200, {});
  const Stopwatch watch;
  server->stop(milliseconds(100));
  EXPECT_GE(watch.seconds(), 0.09);
  EXPECT_LT(watch.seconds(), Seconds(kPatience).count());
  EXPECT_EQ(notice.calls, 1);
  EXPECT_TRUE(client.response().ended);
  server.reset();
  // The exchange outlives its server.
  EXPECT_FALSE(exchange->write("too late"));
  EXPECT_FALSE(exchange->finish());
  EXPECT_FALSE(exchange->is_open());
}

}  // namespace
}  // namespace paddock::net
