// SPDX-License-Identifier: Apache-2.0
#include "net/listening_socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

namespace paddock::net {
namespace {

constexpr int kBacklog = 1024;

// Room for any address that we use.
union SocketAddress {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
  sockaddr_un local;
};

struct TcpAddress {
  SocketAddress address{};
  socklen_t size = 0;
};

tl::unexpected<Error> bad_address(const std::string& address) {
  return error(
      ErrorCode::kInvalidArgument,
      "address {}: expected the form 127.0.0.1:8080, [::1]:8080, localhost:8080 or unix:/path, found something else",
      address);
}

Result<TcpAddress> parse_tcp(const std::string& address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos) return bad_address(address);
  std::string host = address.substr(0, colon);
  uint16_t port = 0;
  const char *begin = address.data() + colon + 1, *end = address.data() + address.size();
  const auto parsed = std::from_chars(begin, end, port);
  if (parsed.ec != std::errc() || parsed.ptr != end) return bad_address(address);
  TcpAddress tcp;
  if (host == "localhost") host = "127.0.0.1";
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    tcp.address.v6.sin6_family = AF_INET6;
    tcp.address.v6.sin6_port = htons(port);
    tcp.size = sizeof(sockaddr_in6);
    if (inet_pton(AF_INET6, host.c_str(), &tcp.address.v6.sin6_addr) != 1) return bad_address(address);
    return tcp;
  }
  tcp.address.v4.sin_family = AF_INET;
  tcp.address.v4.sin_port = htons(port);
  tcp.size = sizeof(sockaddr_in);
  if (inet_pton(AF_INET, host.c_str(), &tcp.address.v4.sin_addr) != 1) return bad_address(address);
  return tcp;
}

std::string host_text(const SocketAddress& address) {
  char text[INET6_ADDRSTRLEN] = "";
  const bool v6 = address.any.sa_family == AF_INET6;
  inet_ntop(address.any.sa_family,
            v6 ? static_cast<const void*>(&address.v6.sin6_addr) : static_cast<const void*>(&address.v4.sin_addr), text,
            sizeof(text));
  return text;
}

bool is_loopback(const SocketAddress& address) {
  if (address.any.sa_family == AF_INET6) return IN6_IS_ADDR_LOOPBACK(&address.v6.sin6_addr);
  return (ntohl(address.v4.sin_addr.s_addr) >> 24) == 127;
}

void set_option(int descriptor, int level, int option, int value) {
  ::setsockopt(descriptor, level, option, &value, sizeof(value));
}

tl::unexpected<Error> refused_by_system(const std::string& address) {
  const int reason = errno;
  return error(ErrorCode::kIo, "address {}: cannot listen: {}{}", address, std::strerror(reason),
               reason == EADDRINUSE ? "; end the other program or choose another port" : "");
}

// A socket file that nobody listens on any more is what a killed server leaves behind.
bool is_stale(const sockaddr_un& local) {
  struct stat status;
  if (::lstat(local.sun_path, &status) != 0 || !S_ISSOCK(status.st_mode)) return false;
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (probe < 0) return false;
  const int connected = ::connect(probe, reinterpret_cast<const sockaddr*>(&local), sizeof(local));
  const bool refused = connected != 0 && errno == ECONNREFUSED;
  ::close(probe);
  return refused;
}

}  // namespace

ListeningSocket::ListeningSocket(ListeningSocket&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      name_(std::move(other.name_)),
      path_(std::exchange(other.path_, {})) {}

ListeningSocket::~ListeningSocket() {
  if (!path_.empty()) ::unlink(path_.c_str());
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<ListeningSocket> ListeningSocket::open(const std::string& address) {
  if (address.starts_with("unix:")) return open_local(address.substr(5));
  return open_tcp(address);
}

Result<ListeningSocket> ListeningSocket::open_tcp(const std::string& address) {
  const TcpAddress tcp = TRY(parse_tcp(address));
  ListeningSocket socket;
  socket.descriptor_ = ::socket(tcp.address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket.descriptor_ < 0) return refused_by_system(address);
  set_option(socket.descriptor_, SOL_SOCKET, SO_REUSEADDR, 1);
  if (tcp.address.any.sa_family == AF_INET6) set_option(socket.descriptor_, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  SocketAddress bound{};
  socklen_t size = sizeof(bound);
  if (::bind(socket.descriptor_, &tcp.address.any, tcp.size) != 0 || ::listen(socket.descriptor_, kBacklog) != 0 ||
      ::getsockname(socket.descriptor_, &bound.any, &size) != 0)
    return refused_by_system(address);
  const bool v6 = bound.any.sa_family == AF_INET6;
  socket.name_ = v6 ? fmt::format("[{}]:{}", host_text(bound), ntohs(bound.v6.sin6_port))
                    : fmt::format("{}:{}", host_text(bound), ntohs(bound.v4.sin_port));
  return socket;
}

Result<ListeningSocket> ListeningSocket::open_local(const std::string& path) {
  const std::string address = "unix:" + path;
  SocketAddress bound{};
  bound.local.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(bound.local.sun_path))
    return error(ErrorCode::kInvalidArgument, "address {}: expected a path of 1 to {} bytes, found {}", address,
                 sizeof(bound.local.sun_path) - 1, path.size());
  std::memcpy(bound.local.sun_path, path.data(), path.size());
  ListeningSocket socket;
  socket.descriptor_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket.descriptor_ < 0) return refused_by_system(address);
  if (is_stale(bound.local)) ::unlink(path.c_str());
  if (::bind(socket.descriptor_, &bound.any, sizeof(bound.local)) != 0) return refused_by_system(address);
  socket.path_ = path;
  socket.name_ = address;
  // Nobody can connect before listen().
  if (::chmod(path.c_str(), 0660) != 0 || ::listen(socket.descriptor_, kBacklog) != 0)
    return refused_by_system(address);
  return socket;
}

Accept accept_client(const ListeningSocket& listening, AcceptedSocket& client) {
  SocketAddress from{};
  socklen_t size = sizeof(from);
  client.descriptor = ::accept4(listening.descriptor(), &from.any, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (client.descriptor < 0) {
    const bool full = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
    return full ? Accept::kOutOfDescriptors : Accept::kNone;
  }
  client.peer = Peer();
  client.counted_as.clear();
  if (listening.is_local()) {
    client.family = AF_UNIX;
    client.peer.address = "unix";
    client.peer.loopback = true;
    return Accept::kClient;
  }
  const bool v6 = from.any.sa_family == AF_INET6;
  client.family = from.any.sa_family;
  client.peer.address = host_text(from);
  client.peer.port = ntohs(v6 ? from.v6.sin6_port : from.v4.sin_port);
  client.peer.loopback = is_loopback(from);
  client.counted_as = v6 ? std::string(reinterpret_cast<const char*>(&from.v6.sin6_addr), 8) : client.peer.address;
  // Events go out as they are written; and a peer whose machine has vanished is noticed within a minute, also when
  // nothing is written.
  set_option(client.descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(client.descriptor, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(client.descriptor, IPPROTO_TCP, TCP_KEEPIDLE, 30);
  set_option(client.descriptor, IPPROTO_TCP, TCP_KEEPINTVL, 10);
  set_option(client.descriptor, IPPROTO_TCP, TCP_KEEPCNT, 3);
  return Accept::kClient;
}

}  // namespace paddock::net
