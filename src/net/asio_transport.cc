// SPDX-License-Identifier: Apache-2.0
#include "net/asio_transport.h"

#include <boost/asio/post.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>

namespace paddock::net {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

Io outcome(const error_code& ec) {
  if (!ec) return Io::kOk;
  // A TLS client that closes its socket without saying so is no different from one that says so: lengths and chunks
  // tell where a request ends.
  return ec == asio::error::eof || ec == asio::ssl::error::stream_truncated ? Io::kEnd : Io::kFailed;
}

auto reporting(Transport::Done done) {
  return [done = std::move(done)](const error_code& ec, size_t bytes) { done(outcome(ec), bytes); };
}

class PlainTransport final : public Transport {
 public:
  explicit PlainTransport(Socket socket) : socket_(std::move(socket)) {}

  void handshake(std::function<void(bool)> done) override {
    asio::post(socket_.get_executor(), [done = std::move(done)] { done(true); });
  }
  std::optional<ClientCertificate> client_certificate() const override { return std::nullopt; }
  void read_some(std::span<char> buffer, Done done) override {
    socket_.async_read_some(asio::buffer(buffer.data(), buffer.size()), reporting(std::move(done)));
  }
  void write_some(std::string_view bytes, Done done) override {
    socket_.async_write_some(asio::buffer(bytes.data(), bytes.size()), reporting(std::move(done)));
  }
  void end_sending() override {
    error_code ignored;
    socket_.shutdown(Socket::shutdown_send, ignored);
  }
  void close() override {
    error_code ignored;
    socket_.close(ignored);
  }

 private:
  Socket socket_;
};

class TlsTransport final : public Transport {
 public:
  TlsTransport(Socket socket, ssl_st* session, std::shared_ptr<const TlsContext> context)
      : context_(std::move(context)), stream_(std::make_shared<Stream>(std::move(socket), session)) {}

  void handshake(std::function<void(bool)> done) override {
    stream_->async_handshake(asio::ssl::stream_base::server,
                             [done = std::move(done), stream = stream_](error_code ec) { done(!ec); });
  }
  std::optional<ClientCertificate> client_certificate() const override {
    return client_certificate_of(stream_->native_handle());
  }
  void read_some(std::span<char> buffer, Done done) override {
    stream_->async_read_some(asio::buffer(buffer.data(), buffer.size()), reporting(std::move(done)));
  }
  void write_some(std::string_view bytes, Done done) override {
    stream_->async_write_some(asio::buffer(bytes.data(), bytes.size()), reporting(std::move(done)));
  }
  // Sends close_notify, and then waits for the client's, for which nobody has to wait.
  void end_sending() override {
    stream_->async_shutdown([stream = stream_](error_code) {
      error_code ignored;
      stream->next_layer().shutdown(Socket::shutdown_send, ignored);
    });
  }
  void close() override {
    error_code ignored;
    stream_->next_layer().close(ignored);
  }

 private:
  using Stream = asio::ssl::stream<Socket>;
  std::shared_ptr<const TlsContext> context_;
  std::shared_ptr<Stream> stream_;  // shared with a shutdown that nobody waits for
};

}  // namespace

std::unique_ptr<Transport> plain_transport(Socket socket) {
  return std::make_unique<PlainTransport>(std::move(socket));
}

std::unique_ptr<Transport> tls_transport(Socket socket, std::shared_ptr<const TlsContext> context) {
  ssl_st* session = context->new_session();
  if (!session) return nullptr;
  return std::make_unique<TlsTransport>(std::move(socket), session, std::move(context));
}

}  // namespace paddock::net
