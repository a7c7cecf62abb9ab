// SPDX-License-Identifier: Apache-2.0
#pragma once
// An HTTP/1.1 server on TCP and local sockets, with TLS 1.2 and 1.3 (RFC 9110, 9112). It knows limits and the protocol;
// what requests mean, who may send them and what errors look like is the caller's.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "net/exchange.h"
#include "net/head_rules.h"
#include "net/request_parser.h"
#include "net/tls.h"

namespace paddock::net {

// What one client, or all together, may take. A client over a limit is answered where that is possible and cut off.
struct Limits {
  ParserLimits request;
  size_t all_body_bytes = size_t{1} << 30;  // of requests that are being received or answered, together
  int connections = 4096;
  int connections_per_address = 256;  // an IPv6 /64 counts as one address; local sockets are not counted
  // To the last byte of a head: from its first, or for a connection's first request from its opening. With TLS, a
  // handshake has as long.
  std::chrono::milliseconds header_time{10000};
  std::chrono::milliseconds body_time{120000};
  // A body is given this long and a second more for each body_bytes_per_second that have come, and never more than
  // body_time.
  std::chrono::milliseconds body_grace{10000};
  size_t body_bytes_per_second = 1024;
  std::chrono::milliseconds idle_time{75000};   // between requests
  std::chrono::milliseconds write_time{30000};  // for the operating system to take each 64 KiB of an answer
  size_t queued_bytes = 4 << 20;                // of a stream: unsent at the next write, and the client is cut off
  int send_buffer_bytes = 0;                    // of the operating system, for each connection; 0: its own choice
};

struct ServerOptions {
  // "127.0.0.1:8080", "[::1]:8080", "localhost:8080" (127.0.0.1), "unix:/run/paddock.sock"; port 0: a free one. [::] is
  // IPv6 alone. Local sockets are made for the owner and group, and never speak TLS.
  std::vector<std::string> listen;
  std::optional<TlsOptions> tls;
  Limits limits;
  int threads = 2;
};

// All are called on network threads, several at a time, and must not wait.
struct ServerCallbacks {
  Handler handle;

  // Optional: looks at a request whose body has not come yet, and may answer at once. Keys and paths are judged here so
  // that strangers cannot send large bodies.
  std::function<std::optional<Response>(const Request&)> refuse_early;

  // Optional: the answer for what the server itself refuses: 400, 408, 413, 417, 431, 500 (a handler that gave no
  // answer), 503 (Limits::connections, connections_per_address, all_body_bytes). The connection is closed behind all
  // but 500. Default: the sentence as text. `peer` is who sent it.
  std::function<Response(const Refusal&, const Peer& peer)> refusal;
};

struct ServerStatistics {
  int64_t connections = 0;        // open now
  int64_t exchanges = 0;          // requests being answered now
  int64_t accepted = 0;           // connections since the start
  int64_t over_limit = 0;         // of these, refused for Limits::connections or connections_per_address
  int64_t requests = 0;           // handed to the handler
  int64_t refused = 0;            // answered by ServerCallbacks::refusal
  int64_t timed_out = 0;          // connections cut for a limit of time or for unread bytes
  int64_t failed_handshakes = 0;  // TLS
  int64_t body_bytes = 0;         // held now against Limits::all_body_bytes
};

class Server {
 public:
  // Listens when it returns. Raises the process's soft limit of open files so that Limits::connections fit, as far as
  // the hard limit goes. Errors: an address that cannot be used, a certificate that cannot be loaded.
  static Result<std::unique_ptr<Server>> start(ServerOptions options, ServerCallbacks callbacks);
  ~Server();  // stop() without grace

  // Where it listens, with the real ports: "127.0.0.1:41234".
  const std::vector<std::string>& addresses() const;

  // The certificate in use, whose warning is empty while all is well; nothing without TLS.
  std::optional<CertificateInfo> certificate() const;

  // Reads the files again; connections that begin later use them. On an error the old ones stay in use.
  Result<CertificateInfo> reload_certificates();

  // Accepts nothing more and closes connections without a request at once; requests that are being answered may go on
  // for `grace`, then their clients are disconnected. Returns when all threads have ended. Not on a network thread.
  void stop(std::chrono::milliseconds grace);

  ServerStatistics statistics() const;

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace paddock::net
