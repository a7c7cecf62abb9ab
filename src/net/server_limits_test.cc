// SPDX-License-Identifier: Apache-2.0
// What one client may take of the server, each limit with a client that goes beyond it.

#include <algorithm>

#include "base/clock.h"
#include "net/test_client.h"

namespace paddock::net {
namespace {

// Short enough to wait for, long enough that a busy machine does not break what keeps to them.
Limits short_limits() {
  Limits limits;
  limits.header_time = limits.idle_time = milliseconds(300);
  limits.body_time = milliseconds(1000);
  limits.body_grace = milliseconds(300);
  limits.write_time = milliseconds(300);
  return limits;
}

ServerOptions with_limits(Limits limits) {
  ServerOptions options;
  options.limits = limits;
  return options;
}

TEST(ServerLimits, HeaderBytesAndFields) {
  TestServer server;
  const std::string large(64 << 10, 'a');
  for (const std::string& request : {get("/hello", "X: " + large + "\r\n"), "GET /" + large + " HTTP/1.1\r\n", large}) {
    TestClient client = server.client();
    const TestResponse response = client.ask(request);
    EXPECT_EQ(response.status, 431);
    EXPECT_EQ(response.header("Connection"), "close");
    EXPECT_TRUE(client.is_closed());
  }
  std::string fields;
  for (int index = 0; index < 200; ++index) fields += "X: y\r\n";
  EXPECT_EQ(server.client().ask(get("/hello", fields)).status, 431);
}

TEST(ServerLimits, BodyBytes) {
  Limits limits;
  limits.request.body_bytes = 1000;
  TestServer server(with_limits(limits));
  TestClient client = server.client();
  EXPECT_EQ(client.ask(post("/echo", std::string(1000, 'x'))).status, 200);
  EXPECT_EQ(client.ask(post("/echo", std::string(1001, 'x'))).status, 413);
  EXPECT_TRUE(client.is_closed());
  TestClient announcing = server.client();  // nothing of the body has to come
  EXPECT_EQ(announcing.ask("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 99999999\r\n\r\n").status, 413);
  TestClient chunked = server.client();
  EXPECT_EQ(chunked.ask("POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n400\r\n").status, 413);
}

TEST(ServerLimits, BodiesOfAllTogether) {
  Limits limits;
  limits.all_body_bytes = 100000;
  TestServer server(with_limits(limits));
  TestClient first = server.client(), second = server.client();
  first.send(post("/hold", std::string(60000, 'x')));
  const auto exchange = server.held();
  ASSERT_TRUE(exchange);
  EXPECT_EQ(second.ask(post("/echo", std::string(60000, 'x'))).status, 503);
  exchange->respond({});
  EXPECT_EQ(first.response().status, 200);
  EXPECT_TRUE(becomes_true([&] { return server->statistics().body_bytes == 0; }));
  EXPECT_EQ(server.client().ask(post("/echo", std::string(60000, 'x'))).status, 200);
}

TEST(ServerLimits, SlowHeaders) {
  TestServer server(with_limits(short_limits()));
  TestClient silent = server.client(), trickling = server.client(), second_request = server.client();
  EXPECT_EQ(second_request.ask(get("/hello")).status, 200);
  second_request.send("GET / HT");
  const Stopwatch watch;
  const std::string request = get("/hello", std::string("X: ") + std::string(1000, 'x'));
  std::string answer;
  for (size_t index = 0; index < request.size() && watch.seconds() < 10; ++index) {
    if (!trickling.send(request.substr(index, 1)) || trickling.receive(milliseconds(20))) break;
  }
  EXPECT_LT(watch.seconds(), 5);
  EXPECT_TRUE(silent.is_closed());
  EXPECT_EQ(silent.received(), "");
  EXPECT_EQ(trickling.response().status, 408);
  EXPECT_EQ(second_request.response().status, 408);
  EXPECT_TRUE(second_request.is_closed());
}

TEST(ServerLimits, SlowBodies) {
  Limits limits = short_limits();
  limits.body_time = milliseconds(30000);
  TestServer server(with_limits(limits));
  const Stopwatch watch;
  EXPECT_EQ(server.client().ask("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\n12345").status, 408);
  EXPECT_GT(watch.seconds(), 0.25);
  EXPECT_LT(watch.seconds(), 5);
}

// Bytes that come quickly enough earn time, but not for ever.
TEST(ServerLimits, EndlessBodies) {
  Limits limits = short_limits();
  limits.body_time = milliseconds(1000);
  TestServer server(with_limits(limits));
  const Stopwatch watch;
  TestClient client = server.client();
  client.send("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 10000000\r\n\r\n");
  while (watch.seconds() < 10 && client.send(std::string(2000, 'x')) && !client.receive(milliseconds(10))) {
  }
  EXPECT_EQ(client.response().status, 408);
  EXPECT_GT(watch.seconds(), 0.8);
  EXPECT_LT(watch.seconds(), 8);
}

TEST(ServerLimits, IdleConnections) {
  TestServer server(with_limits(short_limits()));
  TestClient client = server.client();
  EXPECT_EQ(client.ask(get("/hello")).status, 200);
  const Stopwatch watch;
  EXPECT_TRUE(client.is_closed());
  EXPECT_EQ(client.received(), "");
  EXPECT_GT(watch.seconds(), 0.25);
  EXPECT_LT(watch.seconds(), 3);
  EXPECT_EQ(server->statistics().timed_out, 0);
  // A request that is being answered is not idle.
  TestClient busy = server.client();
  busy.send(get("/hold"));
  const auto exchange = server.held();
  ASSERT_TRUE(exchange);
  std::this_thread::sleep_for(milliseconds(500));
  exchange->respond({200, {}, "late"});
  EXPECT_EQ(busy.response().body, "late");
}

TEST(ServerLimits, ConnectionsInAllAndByAddress) {
  for (const bool by_address : {false, true}) {
    Limits limits;
    (by_address ? limits.connections_per_address : limits.connections) = 3;
    TestServer server(with_limits(limits));
    std::vector<TestClient> clients;
    for (int index = 0; index < 3; ++index) {
      clients.push_back(server.client());
      EXPECT_EQ(clients.back().ask(get("/hello")).status, 200);
    }
    TestClient turned_away = server.client();
    const TestResponse response = turned_away.response();
    EXPECT_EQ(response.status, 503);
    EXPECT_EQ(response.header("Retry-After"), "1");
    EXPECT_TRUE(turned_away.is_closed());
    EXPECT_EQ(server->statistics().over_limit, 1);
    clients.pop_back();
    EXPECT_TRUE(becomes_true([&] { return server.client().ask(get("/hello")).status == 200; }));
  }
}

// Reads so much now and then: the operating system's buffers fill, and the answer stands still or crawls.
void expect_slow_reader_to_be_cut(size_t bytes_at_once) {
  ServerOptions options = with_limits(short_limits());
  options.limits.send_buffer_bytes = 16 << 10;
  options.threads = 1;
  TestServer server(options);
  TestClient slow = server.client(4096);
  slow.send(get("/zeros?size=10000000"));
  const Stopwatch watch;
  int answered = 0;
  while (server->statistics().timed_out == 0 && watch.seconds() < 5) {
    slow.receive(milliseconds(20), bytes_at_once);
    std::this_thread::sleep_for(milliseconds(20));
    TestClient quick = server.client();
    const Stopwatch quick_watch;
    answered += quick.ask(get("/hello")).body == "hello";
    EXPECT_LT(quick_watch.seconds(), 1);
  }
  EXPECT_EQ(server->statistics().timed_out, 1);
  EXPECT_GT(answered, 3);
  EXPECT_LT(watch.seconds(), 5);
  EXPECT_TRUE(slow.response().ended);
}

TEST(ServerLimits, SlowReadersAreCutAndBlockNobody) { expect_slow_reader_to_be_cut(1); }
TEST(ServerLimits, ReadersMustKeepARate) { expect_slow_reader_to_be_cut(2000); }

TEST(ServerLimits, StreamsDoNotPileUpForSlowReaders) {
  ServerOptions options;
  options.limits.queued_bytes = 100000;
  options.limits.send_buffer_bytes = 16 << 10;
  TestServer server(options);
  TestClient client = server.client(4096);
  client.send(get("/hold"));
  const auto exchange = server.held();
  ASSERT_TRUE(exchange);
  std::atomic<bool> gone{false};
  exchange->on_disconnect([&] { gone = true; });
  exchange->begin_stream(200, {});
  const std::string event(1000, 'e');
  size_t most = 0;
  int written = 0;
  while (written < 100000 && exchange->write(event)) {
    most = std::max(most, exchange->bytes_queued());
    ++written;
  }
  EXPECT_LT(written, 100000);
  EXPECT_GT(most, 50000u);
  EXPECT_LT(most, 102000u);
  EXPECT_TRUE(becomes_true([&] { return gone.load(); }));
  EXPECT_TRUE(client.response().ended);
}

// Each gets an answer of the 400s or none at all, and then the end of the connection; never a 5xx, and nobody waits
// long.
TEST(ServerLimits, MalformedRequests) {
  TestServer server(with_limits(short_limits()));
  const std::string head = "POST /echo HTTP/1.1\r\nHost: t\r\n";
  std::vector<std::string> requests = {"\r\n\r\n",
                                       "\n",
                                       "GET /\r\n",
                                       "GET / HTTP/0.9\r\n\r\n",
                                       "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                                       "get / HTTP/1.1\r\nHost: t\r\n\r\n",
                                       "GET http://t/ HTTP/1.1\r\nHost: t\r\n\r\n",
                                       "GET / HTTP/1.1\r\n\r\n",
                                       "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
                                       "GET / HTTP/1.1\nHost: t\n\n",
                                       "GET / HTTP/1.1\r\nHost: t\r\nX : y\r\n\r\n",
                                       "GET / HTTP/1.1\r\nHost: t\r\n X: y\r\n\r\n",
                                       head + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                                       head + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
                                       head + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
                                       head + "Content-Length: -1\r\n\r\n",
                                       head + "Content-Length: 99999999999999999999\r\n\r\n",
                                       head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
                                       head + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
                                       head + "Transfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n",
                                       head + std::string("X: a\0b\r\n\r\n", 10),
                                       head + "X: a\rb\r\n\r\n",
                                       std::string(1000, '\0'),
                                       "\x16\x03\x01\x02\x00\x01\x00\x01",
                                       "GET /%ff HTTP/1.1\r\nHost: t\r\n\r\n",
                                       "GET /%2e%2e/x HTTP/1.1\r\nHost: t\r\n\r\n",
                                       "{\"json\": true}\r\n"};
  // And every valid request, broken off or with a byte that is wrong.
  const std::string valid = head + "Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: u\r\n\r\n";
  for (size_t at = 1; at + 1 < valid.size(); at += 3) {
    requests.push_back(valid.substr(0, at));
    requests.push_back(valid.substr(0, at) + '\0' + valid.substr(at + 1));
  }
  for (const std::string& request : requests) {
    TestClient client = server.client();
    client.send(request);
    client.end_sending();
    EXPECT_TRUE(client.is_closed(milliseconds(3000))) << request;
    const std::string& answer = client.received();
    EXPECT_TRUE(answer.empty() || answer.starts_with("HTTP/1.1 4") ||
                (answer.starts_with("HTTP/1.1 2") && request[0] != '\0'))
        << request << "\n-> " << answer;
    // A NUL inside the data of a chunk is the one that may stand.
    if (answer.starts_with("HTTP/1.1 2")) {
      EXPECT_NE(answer.find(std::string(1, '\0')), std::string::npos) << request;
    }
  }
  EXPECT_EQ(server.client().ask(get("/hello")).body, "hello");
}

TEST(ServerLimits, ConnectionsCloseBehindRefusals) {
  TestServer server;
  TestClient client = server.client();
  // What follows a request that two may read differently must not be taken for another.
  client.send("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" +
              get("/hello"));
  EXPECT_EQ(client.response().status, 400);
  EXPECT_TRUE(client.is_closed());
  EXPECT_EQ(client.received(), "");
  EXPECT_EQ(server->statistics().requests, 0);
}

}  // namespace
}  // namespace paddock::net
