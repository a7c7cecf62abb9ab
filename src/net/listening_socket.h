// SPDX-License-Identifier: Apache-2.0
#pragma once
// Addresses as operators write them, and the sockets that listen on them.

#include <string>

#include "base/result.h"
#include "net/request.h"

namespace paddock::net {

// Owns its descriptor; a local socket's file goes with it.
class ListeningSocket {
 public:
  // The forms of ServerOptions::listen. Non-blocking.
  static Result<ListeningSocket> open(const std::string& address);
  ListeningSocket(ListeningSocket&& other) noexcept;
  ListeningSocket& operator=(ListeningSocket&&) = delete;
  ~ListeningSocket();

  int descriptor() const { return descriptor_; }
  bool is_local() const { return !path_.empty(); }
  const std::string& name() const { return name_; }  // with the real port

 private:
  ListeningSocket() = default;
  static Result<ListeningSocket> open_local(const std::string& path);
  static Result<ListeningSocket> open_tcp(const std::string& address);

  int descriptor_ = -1;
  std::string name_, path_;
};

// A client that waits at a listening socket: its descriptor, non-blocking and the caller's, and who it is.
struct AcceptedSocket {
  int descriptor = -1;
  int family = 0;
  Peer peer;
  std::string counted_as;  // whose connections are limited together: an IPv4 address, an IPv6 /64, "" for local sockets
};

enum class Accept { kClient, kNone, kOutOfDescriptors };
Accept accept_client(const ListeningSocket& listening, AcceptedSocket& client);

}  // namespace paddock::net
