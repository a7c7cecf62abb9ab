// SPDX-License-Identifier: Apache-2.0
// HTTP as clients see it, by bytes over a socket.

#include "net/server.h"

#include <sys/un.h>

#include <filesystem>
#include <fstream>

#include "net/sse.h"
#include "net/test_client.h"

namespace paddock::net {
namespace {

TEST(Server, AnswersAndKeepsTheConnection) {
  TestServer server;
  TestClient client = server.client();
  for (int round = 0; round < 3; ++round) {
    const TestResponse response = client.ask(post("/echo", "body " + std::to_string(round)));
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, "body " + std::to_string(round));
    EXPECT_EQ(response.header("Content-Type"), "application/octet-stream");
    EXPECT_EQ(response.header("Connection"), "");
    EXPECT_TRUE(response.header("Date").ends_with(" GMT"));
  }
  EXPECT_EQ(server->statistics().requests, 3);
  EXPECT_EQ(server->statistics().accepted, 1);
}

TEST(Server, ClosesWhenAsked) {
  TestServer server;
  for (const std::string_view ask : {"Connection: close\r\n", "Connection: foo, CLOSE\r\n"}) {
    TestClient client = server.client();
    const TestResponse response = client.ask(get("/hello", ask));
    EXPECT_EQ(response.body, "hello");
    EXPECT_EQ(response.header("Connection"), "close");
    EXPECT_TRUE(client.is_closed());
  }
}

TEST(Server, DescribesTheRequest) {
  TestServer server;
  TestClient client = server.client();
  client.send(get("/hold?a=1%2B2", "X-Test: one\r\nx-test:two  \r\n"));
  const auto exchange = server.held();
  ASSERT_TRUE(exchange);
  const Request& request = server.held_request();
  EXPECT_EQ(request.method, "GET");
  EXPECT_EQ(request.target.path, "/hold");
  EXPECT_EQ(request.target.find("a"), "1+2");
  EXPECT_EQ(request.headers.all("X-TEST"), (std::vector<std::string_view>{"one", "two"}));
  EXPECT_EQ(request.peer.address, "127.0.0.1");
  EXPECT_TRUE(request.peer.loopback);
  EXPECT_FALSE(request.peer.tls);
  EXPECT_TRUE(request.id.starts_with("req_"));
  const std::string first_id = request.id;
  exchange->respond({204, {}, "a body that this status cannot have"});
  const TestResponse response = client.response();
  EXPECT_EQ(response.status, 204);
  EXPECT_EQ(response.header("Content-Length"), "");
  client.send(get("/hold"));
  ASSERT_TRUE(server.held());
  EXPECT_NE(server.held_request().id, first_id);
}

TEST(Server, AnswersPipelinedRequestsInOrder) {
  TestServer server;
  TestClient client = server.client();
  std::string requests;
  for (int index = 0; index < 300; ++index) requests += post("/echo", std::to_string(index));
  client.send(get("/hold") + requests);
  const auto first = server.held();
  ASSERT_TRUE(first);
  std::this_thread::sleep_for(milliseconds(20));
  EXPECT_EQ(server->statistics().requests, 1);  // the second waits for the first
  first->respond({200, {}, "first"});
  EXPECT_EQ(client.response().body, "first");
  for (int index = 0; index < 300; ++index) ASSERT_EQ(client.response().body, std::to_string(index));
}

TEST(Server, StreamsInChunks) {
  TestServer server;
  TestClient client = server.client();
  client.send(get("/hold"));
  const auto exchange = server.held();
  ASSERT_TRUE(exchange);
  EXPECT_TRUE(exchange->begin_stream(200, event_stream_headers()));
  EXPECT_FALSE(exchange->begin_stream(200, {}));
  EXPECT_FALSE(exchange->respond({}));
  EXPECT_TRUE(client.receive_until("\r\n\r\n"));  // the head does not wait for the first event
  EXPECT_TRUE(send_event(*exchange, "delta", "one\ntwo"));
  EXPECT_TRUE(client.receive_until("event: delta\ndata: one\ndata: two\n\n"));
  EXPECT_TRUE(exchange->write(""));
  std::thread([exchange] {
    exchange->write("from another thread");
    exchange->finish();
  }).join();
  const TestResponse response = client.response();
  EXPECT_EQ(response.header("Content-Type"), "text/event-stream; charset=utf-8");
  EXPECT_EQ(response.body, "event: delta\ndata: one\ndata: two\n\nfrom another thread");
  EXPECT_FALSE(response.ended);
  EXPECT_FALSE(exchange->is_open());
  EXPECT_FALSE(exchange->write("late"));
  EXPECT_EQ(client.ask(get("/hello")).body, "hello");
}

TEST(Server, HeadHasNoBody) {
  TestServer server;
  TestClient client = server.client();
  client.send("HEAD /hello HTTP/1.1\r\nHost: test\r\n\r\nHEAD /hold HTTP/1.1\r\nHost: test\r\n\r\n" + get("/hello"));
  TestResponse response = client.response(false);
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.header("Content-Length"), "5");
  const auto streamed = server.held();
  ASSERT_TRUE(streamed);
  streamed->begin_stream(200, {});
  EXPECT_TRUE(streamed->write("nothing of this is sent"));
  streamed->finish();
  response = client.response(false);
  EXPECT_EQ(response.header("Transfer-Encoding"), "chunked");
  response = client.response();
  EXPECT_EQ(response.body, "hello");
}

TEST(Server, OptionsReachTheHandler) {
  TestServer server;
  TestClient client = server.client();
  client.send("OPTIONS /hold HTTP/1.1\r\nHost: test\r\n\r\n");
  ASSERT_TRUE(server.held());
  EXPECT_EQ(server.held_request().method, "OPTIONS");
  TestClient other = server.client();
  EXPECT_EQ(other.ask("OPTIONS * HTTP/1.1\r\nHost: test\r\n\r\n").status, 404);
}

TEST(Server, AsksForABodyThatWaits) {
  TestServer server;
  TestClient client = server.client();
  client.send("POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_TRUE(client.receive_until("HTTP/1.1 100 Continue\r\n\r\n"));
  client.received().clear();
  EXPECT_EQ(client.ask("body").body, "body");
  // Who has sent it already is not asked.
  EXPECT_EQ(client.ask(post("/echo", "body", "Expect: 100-continue\r\n")).status, 200);
  EXPECT_EQ(client.ask(post("/echo", "body", "Expect: the-impossible\r\n")).status, 417);
}

TEST(Server, SpeaksToHttp10) {
  TestServer server;
  TestClient client = server.client();
  EXPECT_EQ(client.ask("GET /hello HTTP/1.0\r\n\r\n").body, "hello");
  EXPECT_TRUE(client.is_closed());
  TestClient streaming = server.client();
  streaming.send("GET /hold HTTP/1.0\r\n\r\n");
  const auto exchange = server.held();
  ASSERT_TRUE(exchange);
  exchange->begin_stream(200, {});
  exchange->write("without ");
  exchange->write("chunks");
  exchange->finish();
  EXPECT_TRUE(streaming.is_closed());
  EXPECT_TRUE(streaming.received().ends_with("\r\n\r\nwithout chunks"));
}

TEST(Server, RefusesBeforeTheBodyComes) {
  ServerCallbacks callbacks;
  std::atomic<int> handled{0};
  callbacks.handle = [&](Request, std::shared_ptr<Exchange> exchange) {
    ++handled;
    exchange->respond({200, {}, "handled"});
  };
  callbacks.refuse_early = [](const Request& request) -> std::optional<Response> {
    EXPECT_EQ(request.peer.address, "127.0.0.1");
    EXPECT_FALSE(request.id.empty());
    EXPECT_TRUE(request.body.empty());
    if (request.headers.find("Authorization")) return std::nullopt;
    return Response{401, {}, "no key"};
  };
  TestServer server({}, callbacks);
  TestClient client = server.client();
  const TestResponse waiting =
      client.ask("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(waiting.status, 401);
  EXPECT_EQ(waiting.header("Connection"), "close");
  EXPECT_TRUE(client.is_closed());
  // A large body that is on its way does not cost the client its answer.
  TestClient sending = server.client();
  sending.send("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 3000000\r\n\r\n" + std::string(3000000, 'x'));
  EXPECT_EQ(sending.response().body, "no key");
  // Without a body the connection goes on.
  TestClient bodiless = server.client();
  EXPECT_EQ(bodiless.ask(get("/")).status, 401);
  EXPECT_EQ(bodiless.ask(get("/", "Authorization: x\r\n")).body, "handled");
  EXPECT_EQ(handled, 1);
}

TEST(Server, AnswersForAHandlerThatDoesNot) {
  TestServer server;
  TestClient client = server.client();
  EXPECT_EQ(client.ask(get("/drop")).status, 500);
  TestClient other = server.client();
  other.send(get("/hold"));
  auto exchange = server.held();
  ASSERT_TRUE(exchange);
  exchange->begin_stream(200, {});
  exchange->write("half");
  exchange.reset();
  EXPECT_TRUE(other.response().ended);  // no last chunk: the client can tell

  ServerCallbacks callbacks;
  callbacks.handle = [](const Request&, const std::shared_ptr<Exchange>&) { throw std::runtime_error("a mistake"); };
  TestServer throwing({}, callbacks);
  EXPECT_EQ(throwing.client().ask(get("/")).status, 500);
}

TEST(Server, HandlersCannotSplitResponses) {
  TestServer server;
  TestClient client = server.client();
  client.send(get("/hold"));
  const auto exchange = server.held();
  ASSERT_TRUE(exchange);
  exchange->respond({200,
                     {{"X-Echo", "a\r\nSet-Cookie: evil=1\r\n\r\nbody"},
                      {"Bad Name", "x"},
                      {"Content-Length", "99"},
                      {"Transfer-Encoding", "chunked"}},
                     "ok"});
  const TestResponse response = client.response();
  EXPECT_EQ(response.body, "ok");
  EXPECT_EQ(response.header("Set-Cookie"), "");
  EXPECT_EQ(response.header("X-Echo"), "a  Set-Cookie: evil=1    body");
  EXPECT_EQ(response.head.find("Bad Name"), std::string::npos);
  EXPECT_EQ(response.header("Transfer-Encoding"), "");
}

TEST(Server, CallerChoosesTheBodyOfRefusals) {
  ServerCallbacks callbacks;
  callbacks.handle = [](const Request&, const std::shared_ptr<Exchange>& exchange) { exchange->respond({}); };
  callbacks.refusal = [](const Refusal& refusal, const Peer& peer) {
    return Response{refusal.status, {{"Content-Type", "application/json"}}, "{\"from\":\"" + peer.address + "\"}"};
  };
  TestServer server({}, callbacks);
  const TestResponse response = server.client().ask("nonsense\r\n");
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(response.body, "{\"from\":\"127.0.0.1\"}");
}

TEST(Server, LargeAnswersArriveWhole) {
  TestServer server;
  TestClient client = server.client();
  EXPECT_EQ(client.ask(get("/zeros?size=5000000")).body, std::string(5000000, '0'));
  const std::string body(3000000, 'b');
  EXPECT_EQ(client.ask(post("/echo", body)).body, body);
  EXPECT_TRUE(becomes_true([&] { return server->statistics().body_bytes == 0; }));
}

TEST(Server, ListensOnLocalSocketsAndIpv6) {
  const std::string path = testing::TempDir() + "paddock_server_test.sock";
  std::filesystem::remove(path);
  ServerOptions options;
  options.listen = {"unix:" + path, "localhost:0"};
  std::ifstream addresses("/proc/net/if_inet6");  // of this machine: some containers have none
  const std::string text(std::istreambuf_iterator<char>(addresses), {});
  if (text.find("00000000000000000000000000000001") != std::string::npos) options.listen.emplace_back("[::1]:0");
  auto connect_local = [&] {
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    path.copy(to.sun_path, sizeof(to.sun_path) - 1);
    const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
    EXPECT_EQ(::connect(socket, reinterpret_cast<const sockaddr*>(&to), sizeof(to)), 0);
    return TestClient(socket);
  };
  {
    TestServer server(options);
    EXPECT_EQ(connect_local().ask(get("/hello")).body, "hello");
    EXPECT_EQ(TestClient(server->addresses()[1]).ask(get("/hello")).body, "hello");
    if (options.listen.size() == 3) {
      EXPECT_TRUE(server->addresses()[2].starts_with("[::1]:"));
      EXPECT_EQ(TestClient(server->addresses()[2]).ask(get("/hello")).body, "hello");
    }
    const auto second = Server::start(options, {});
    ASSERT_FALSE(second);
    EXPECT_NE(second.error().message.find(path), std::string::npos);
    EXPECT_EQ(connect_local().ask(get("/hello")).body, "hello");  // its file has not been taken away
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(Server, RefusesBadAddresses) {
  for (const std::string address : {"", "8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:99999", "127.0.0.1:-1",
                                    "256.0.0.1:80", "[::1:80", "::1:80", "name.example:80", "unix:", "127.0.0.1:80x"}) {
    ServerOptions options;
    options.listen = {address};
    EXPECT_FALSE(Server::start(options, {})) << address;
  }
  EXPECT_FALSE(Server::start({}, {}));
}

}  // namespace
}  // namespace paddock::net
