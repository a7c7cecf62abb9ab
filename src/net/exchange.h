// SPDX-License-Identifier: Apache-2.0
#pragma once
// The answer to one request: whole, or piece by piece for as long as the handler likes.

#include <functional>
#include <memory>
#include <string>

#include "net/request.h"

namespace paddock::net {

struct Response {
  int status = 200;
  Headers headers;
  std::string body;
};

// Functions may be called from any thread and do not wait for the client. What cannot be sent any more is dropped and
// the function returns false. A subclass in a test can stand for a client.
//
// Content-Length, Transfer-Encoding, Connection, Keep-Alive and Date are written by the server; a handler's own are
// left out, except that "Connection: close" ends the connection behind the answer. In names and values that a header
// cannot carry, bytes are replaced, so that no value can begin a header of its own.
//
// An Exchange whose last reference goes away unfinished is a handler's mistake: the client gets a 500, or, if a stream
// has begun, a connection that breaks off.
class Exchange {
 public:
  virtual ~Exchange() = default;

  // The whole answer, with a Content-Length. A request by HEAD gets the headers alone.
  virtual bool respond(Response response) = 0;

  // An answer in pieces: begin_stream, any number of write, finish. HTTP/1.1 clients get chunks; for HTTP/1.0 the end
  // is that of the connection. Writing no bytes sends nothing.
  virtual bool begin_stream(int status, Headers headers) = 0;
  virtual bool write(std::string_view bytes) = 0;
  virtual bool finish() = 0;

  // Breaks the connection off: the client must not take what it has for a whole answer.
  virtual void abort() = 0;

  // Called at most once, on a network thread, when the client goes away before the answer is finished: promptly, also
  // while nothing is written, and at once if it has gone already. One that stops reading goes away when its time to
  // take bytes is over (Limits), and all do when the server's grace ends. Not called after respond() or finish() has
  // returned.
  //
  // A client that ends its sending side counts as gone, because a closed socket looks no different until something is
  // sent to it, and long computations must not run for nobody. What is answered all the same is still sent, so
  // that a quick answer reaches a client that has only half-closed.
  virtual void on_disconnect(std::function<void()> callback) = 0;

  // Whether somebody waits for more: false once finished, or the client has gone.
  virtual bool is_open() const = 0;

  // Bytes written that the operating system has not taken yet. Beyond Limits::queued_bytes the client is cut off.
  virtual size_t bytes_queued() const = 0;
};

// Called on a network thread, which serves other clients too: what takes long belongs on a thread of the handler's own.
using Handler = std::function<void(Request, std::shared_ptr<Exchange>)>;

}  // namespace paddock::net
