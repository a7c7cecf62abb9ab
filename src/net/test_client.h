// SPDX-License-Identifier: Apache-2.0
#pragma once
// For tests: a client that sends exactly the bytes it is given, and a server on a free port of this machine.

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "net/server.h"

namespace paddock::net {

using std::chrono::milliseconds;

// Long enough for a busy machine; only failures wait for it.
inline constexpr milliseconds kPatience{10000};

struct TestResponse {
  int status = 0;  // 0: none came
  std::string head, body;
  bool ended = false;  // the connection ended before the response was whole

  std::string header(std::string_view name) const {
    const std::string key = "\r\n" + std::string(name) + ": ";
    const size_t at = head.find(key);
    if (at == std::string::npos) return "";
    const size_t begin = at + key.size();
    return head.substr(begin, head.find("\r\n", begin) - begin);
  }
};

class TestClient {
 public:
  // `address` as Server::addresses() gives it, 127.0.0.1 or [::1] and a port. `receive_buffer` 0: the system's choice.
  explicit TestClient(const std::string& address, int receive_buffer = 0) {
    const uint16_t port = htons(static_cast<uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
    sockaddr_in v4{AF_INET, port, {htonl(INADDR_LOOPBACK)}, {}};
    sockaddr_in6 v6{AF_INET6, port, 0, in6addr_loopback, 0};
    const bool is_v6 = address[0] == '[';
    socket_ = ::socket(is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (receive_buffer) ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
    const int on = 1;
    ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    const int failed = is_v6 ? ::connect(socket_, reinterpret_cast<const sockaddr*>(&v6), sizeof(v6))
                             : ::connect(socket_, reinterpret_cast<const sockaddr*>(&v4), sizeof(v4));
    if (failed) close();
  }
  // Takes a connected socket over.
  explicit TestClient(int socket) : socket_(socket) {}
  TestClient(TestClient&& other) noexcept
      : socket_(std::exchange(other.socket_, -1)), received_(std::move(other.received_)) {}
  ~TestClient() { close(); }

  bool connected() const { return socket_ >= 0; }
  int descriptor() const { return socket_; }

  // False once the server has closed.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }
  void end_sending() { ::shutdown(socket_, SHUT_WR); }
  void close() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
  }

  // More bytes into received(); false at the end, on an error, or when nothing comes for so long.
  bool receive(milliseconds patience = kPatience, size_t at_most = 65536) {
    pollfd waiting{socket_, POLLIN, 0};
    if (::poll(&waiting, 1, static_cast<int>(patience.count())) <= 0) return false;
    std::string buffer(at_most, '\0');
    const ssize_t size = ::recv(socket_, buffer.data(), buffer.size(), 0);
    ended_ = size <= 0;
    if (size > 0) received_.append(buffer, 0, static_cast<size_t>(size));
    return size > 0;
  }
  // Whether the server closes, whatever it sends before.
  bool is_closed(milliseconds patience = kPatience) {
    while (receive(patience)) {
    }
    return ended_;
  }
  std::string& received() { return received_; }
  bool receive_until(std::string_view text, milliseconds patience = kPatience) {
    while (received_.find(text) == std::string::npos)
      if (!receive(patience)) return false;
    return true;
  }

  // The next response with its body, by Content-Length or chunks (decoded), taken out of received().
  TestResponse response(bool has_body = true, milliseconds patience = kPatience) {
    TestResponse response;
    if (!receive_until("\r\n\r\n", patience)) {
      response.ended = ended_;
      return response;
    }
    response.head = take(received_.find("\r\n\r\n") + 4);
    response.status = std::stoi(response.head.substr(9, 3));
    if (!has_body) return response;
    if (response.header("Transfer-Encoding") == "chunked") {
      while (const std::optional<std::string> chunk = take_chunk(patience)) {
        if (chunk->empty()) return response;
        response.body += *chunk;
      }
      response.ended = ended_;
    } else if (const std::string length = response.header("Content-Length"); !length.empty()) {
      const size_t size = std::stoul(length);
      while (received_.size() < size && receive(patience)) {
      }
      response.ended = received_.size() < size && ended_;
      response.body = take(std::min(size, received_.size()));
    }
    return response;
  }

  TestResponse ask(std::string_view request, milliseconds patience = kPatience) {
    send(request);
    return response(true, patience);
  }

 private:
  std::string take(size_t size) {
    std::string taken = received_.substr(0, size);
    received_.erase(0, size);
    return taken;
  }
  std::optional<std::string> take_chunk(milliseconds patience) {
    if (!receive_until("\r\n", patience)) return std::nullopt;
    const size_t size = std::stoul(take(received_.find("\r\n") + 2), nullptr, 16);
    while (received_.size() < size + 2)
      if (!receive(patience)) return std::nullopt;
    const std::string chunk = take(size + 2);
    return chunk.substr(0, size);
  }

  int socket_ = -1;
  bool ended_ = false;
  std::string received_;
};

inline std::string get(std::string_view target, std::string_view more = "") {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: test\r\n" + std::string(more) + "\r\n";
}
inline std::string post(std::string_view target, std::string_view body, std::string_view more = "") {
  return "POST " + std::string(target) + " HTTP/1.1\r\nHost: test\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n" + std::string(more) + "\r\n" + std::string(body);
}

// Answers /echo with the body, /hello with "hello"; keeps the exchange of /hold for the test; drops that of /drop;
// /zeros?size= answers with so many bytes; all else is 404.
class TestServer {
 public:
  explicit TestServer(ServerOptions options = {}, ServerCallbacks callbacks = {}) {
    if (options.listen.empty()) options.listen = {"127.0.0.1:0"};
    if (!callbacks.handle)
      callbacks.handle = [this](Request request, std::shared_ptr<Exchange> exchange) {
        handle(std::move(request), std::move(exchange));
      };
    auto started = Server::start(std::move(options), std::move(callbacks));
    EXPECT_TRUE(started) << (started ? "" : started.error().message);
    if (started) server_ = std::move(*started);
  }
  ~TestServer() { server_.reset(); }

  Server& operator*() { return *server_; }
  Server* operator->() { return server_.get(); }
  const std::string& address() const { return server_->addresses()[0]; }
  TestClient client(int receive_buffer = 0) const { return TestClient(address(), receive_buffer); }
  void reset() { server_.reset(); }

  // The exchange of the oldest /hold that has not been fetched; null when none comes.
  std::shared_ptr<Exchange> held() {
    std::unique_lock lock(mutex_);
    if (!arrived_.wait_for(lock, kPatience, [this] { return !held_.empty(); })) return nullptr;
    auto exchange = std::move(held_.front().second);
    request_ = std::move(held_.front().first);
    held_.pop_front();
    return exchange;
  }
  const Request& held_request() const { return request_; }

 private:
  void handle(Request request, std::shared_ptr<Exchange> exchange) {
    const std::string& path = request.target.path;
    if (path == "/hold") {
      const std::lock_guard lock(mutex_);
      held_.emplace_back(std::move(request), std::move(exchange));
      arrived_.notify_all();
    } else if (path == "/echo") {
      exchange->respond({200, {{"Content-Type", "application/octet-stream"}}, std::move(request.body)});
    } else if (path == "/hello") {
      exchange->respond({200, {{"Content-Type", "text/plain"}}, "hello"});
    } else if (path == "/zeros") {
      exchange->respond({200, {}, std::string(std::stoul(std::string(*request.target.find("size"))), '0')});
    } else if (path != "/drop") {
      exchange->respond({404, {}, "no such path"});
    }
  }

  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<std::pair<Request, std::shared_ptr<Exchange>>> held_;
  Request request_;
  std::unique_ptr<Server> server_;
};

// Waits until it is true.
template <typename Condition>
bool becomes_true(Condition condition, milliseconds patience = kPatience) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(milliseconds(1));
  }
  return true;
}

}  // namespace paddock::net
