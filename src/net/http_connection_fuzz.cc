// SPDX-License-Identifier: Apache-2.0
// A connection's whole life without sockets: what the client sends, how it reads, when it goes, what handlers do and
// when time passes are all in the input. Whatever they do together, answers come in order and nothing is left behind.

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/check.h"
#include "net/connection.h"

namespace {

namespace net = paddock::net;

class ManualLoop final : public net::Loop {
 public:
  void post(std::function<void()> work) override { waiting_.push_back(std::move(work)); }
  void run() {
    for (; !waiting_.empty(); waiting_.pop_front()) {
      const auto work = std::move(waiting_.front());
      work();
    }
  }

 private:
  std::deque<std::function<void()>> waiting_;
};

// What lies between the connection and the input; outlives the transport.
struct Wire {
  ManualLoop& loop;
  std::span<char> read_buffer;
  std::string_view write_bytes;
  net::Transport::Done read_done, write_done;
  std::string sent;  // what the client has got
  bool ended = false, closed = false;

  void deliver(std::string_view bytes) {
    if (!read_done) return;
    const size_t size = std::min(bytes.size(), read_buffer.size());
    std::copy_n(bytes.begin(), size, read_buffer.begin());
    std::exchange(read_done, nullptr)(size > 0 ? net::Io::kOk : net::Io::kEnd, size);
  }
  void take(size_t at_most) {
    if (!write_done) return;
    const size_t size = std::min(at_most, write_bytes.size());
    sent += write_bytes.substr(0, size);
    std::exchange(write_done, nullptr)(net::Io::kOk, size);
  }
};

class WireTransport final : public net::Transport {
 public:
  explicit WireTransport(Wire& wire) : wire_(wire) {}

  void handshake(std::function<void(bool)> done) override {
    wire_.loop.post([done = std::move(done)] { done(true); });
  }
  std::optional<net::ClientCertificate> client_certificate() const override { return std::nullopt; }
  void read_some(std::span<char> buffer, Done done) override {
    CHECK(!wire_.read_done && !wire_.closed);
    wire_.read_buffer = buffer;
    wire_.read_done = std::move(done);
  }
  void write_some(std::string_view bytes, Done done) override {
    CHECK(!wire_.write_done && !wire_.closed && !wire_.ended && !bytes.empty());
    wire_.write_bytes = bytes;
    wire_.write_done = std::move(done);
  }
  void end_sending() override {
    CHECK(!wire_.write_done && !wire_.ended);
    wire_.ended = true;
  }
  void close() override {
    CHECK(!wire_.closed);
    wire_.closed = true;
    fail(wire_.read_done);
    fail(wire_.write_done);
  }

 private:
  void fail(Done& pending) {
    if (pending) wire_.loop.post([done = std::exchange(pending, nullptr)] { done(net::Io::kFailed, 0); });
  }

  Wire& wire_;
};

// The input as a row of small decisions.
class Decisions {
 public:
  explicit Decisions(std::string_view bytes) : bytes_(bytes) {}
  bool empty() const { return bytes_.empty(); }
  uint8_t next() {
    if (bytes_.empty()) return 0;
    const auto byte = static_cast<uint8_t>(bytes_[0]);
    bytes_.remove_prefix(1);
    return byte;
  }
  std::string_view text(size_t size) {
    const std::string_view taken = bytes_.substr(0, size);
    bytes_.remove_prefix(taken.size());
    return taken;
  }

 private:
  std::string_view bytes_;
};

// Ready requests, so that the input need not invent them before it gets anywhere.
constexpr std::string_view kRequests[] = {
    "GET /a HTTP/1.1\r\nHost: h\r\n\r\n",
    "POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n",
    "hello",
    "POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "HEAD /d HTTP/1.0\r\n\r\n",
    "GET /refused HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /e HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    "nonsense\r\n",
};

void act(net::Exchange& exchange, uint8_t what) {
  switch (what % 6) {
    case 0: exchange.respond({200, {}, "whole"}); break;
    case 1: exchange.begin_stream(200, {}); break;
    case 2: exchange.write(std::string(what, 'x')); break;
    case 3: exchange.finish(); break;
    case 4: exchange.abort(); break;
    case 5: exchange.respond({204, {{"Connection", "close"}}, ""}); break;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Decisions decisions({reinterpret_cast<const char*>(data), size});
  net::Limits limits;
  limits.request = {.header_bytes = 512, .header_fields = 8, .body_bytes = 1000};
  limits.all_body_bytes = 500;
  limits.queued_bytes = 300;
  std::vector<std::shared_ptr<net::Exchange>> held;
  int disconnects = 0, handled = 0;
  net::ServerCallbacks callbacks;
  callbacks.handle = [&](const net::Request&, std::shared_ptr<net::Exchange> exchange) {
    ++handled;
    exchange->on_disconnect([&] { ++disconnects; });
    if (const uint8_t what = decisions.next(); what % 2) act(*exchange, what / 2);
    held.push_back(std::move(exchange));
  };
  callbacks.refuse_early = [](const net::Request& request) -> std::optional<net::Response> {
    if (request.target.path != "/refused") return std::nullopt;
    return net::Response{403, {}, "refused"};
  };
  net::Site site(limits, callbacks);
  ManualLoop loop;
  Wire wire{.loop = loop};
  int closed = 0;
  auto now = std::chrono::steady_clock::now();
  auto connection = std::make_shared<net::Connection>(site, loop, std::make_unique<WireTransport>(wire), net::Peer{},
                                                      [&](net::Connection&) { ++closed; });
  connection->start();
  loop.run();
  while (!decisions.empty()) {
    const uint8_t what = decisions.next();
    switch (what % 10) {
      case 0:
      case 1: wire.deliver(kRequests[what / 10 % 8]); break;
      case 2: wire.deliver(decisions.text(what / 10 + 1)); break;
      case 3: wire.take(what / 10 + 1); break;
      case 4: wire.take(1 << 20); break;
      case 5:
        if (!held.empty()) act(*held[what / 10 % held.size()], decisions.next());
        break;
      case 6: held.clear(); break;
      case 7:
        now += std::chrono::seconds(what / 10);
        connection->check_deadlines(now);
        break;
      case 8: loop.run(); break;
      case 9:
        if (what > 240)
          wire.deliver("");
        else if (what > 230)
          connection->drain();
        break;
    }
    if (what % 2) loop.run();
  }
  loop.run();
  connection->close();
  loop.run();
  CHECK(closed == 1);
  CHECK(disconnects <= handled);
  CHECK(site.counters().exchanges == 0);
  CHECK(site.counters().body_bytes == 0);
  for (const auto& exchange : held) {
    CHECK(!exchange->is_open());
    CHECK(!exchange->write("late"));
  }
  held.clear();
  CHECK(wire.sent.substr(0, 9) == std::string_view("HTTP/1.1 ").substr(0, wire.sent.size()));
  CHECK(connection.use_count() == 1);  // nothing else holds it
  return 0;
}
