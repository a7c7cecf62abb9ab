// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a connection needs of the machinery below it: a thread to run on, and a stream of bytes. Kept apart from Asio so
// that the protocol (connection.h) compiles and can be tried without it.

#include <functional>
#include <optional>
#include <span>
#include <string_view>

#include "net/request.h"

namespace paddock::net {

// One thread that runs what it is given, in order.
class Loop {
 public:
  virtual ~Loop() = default;
  virtual void post(std::function<void()> work) = 0;  // from any thread
};

enum class Io {
  kOk,
  kEnd,     // the client has ended its side in order; of reading only
  kFailed,  // broken, or closed by us
};

// All functions and callbacks belong to the loop's thread. At most one read and one write are under way; what they read
// into or write from stays where it is until their callback, which comes once, also after close(), and never from
// within the call.
class Transport {
 public:
  using Done = std::function<void(Io, size_t)>;
  virtual ~Transport() = default;

  // `done(ok)`; with TLS, the client's certificate is known from then on.
  virtual void handshake(std::function<void(bool)> done) = 0;
  virtual std::optional<ClientCertificate> client_certificate() const = 0;

  virtual void read_some(std::span<char> buffer, Done done) = 0;
  virtual void write_some(std::string_view bytes, Done done) = 0;
  virtual void end_sending() = 0;  // after the last write: tells the client that nothing more comes
  virtual void close() = 0;
};

}  // namespace paddock::net
