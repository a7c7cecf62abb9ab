// SPDX-License-Identifier: Apache-2.0
#pragma once
// A network thread with its connections.

#include <functional>
#include <memory>

#include "net/listening_socket.h"
#include "net/site.h"
#include "net/tls.h"
#include "net/transport.h"

namespace paddock::net {

class Worker final : public Loop {
 public:
  explicit Worker(Site& site);  // starts the thread
  ~Worker() override;           // close_all() must have been called

  void post(std::function<void()> work) override;

  // Takes a client over. `tls` may be null: a plain connection. `closed` is called once, on this thread.
  void serve(AcceptedSocket client, std::shared_ptr<const TlsContext> tls, std::function<void()> closed);

  // Calls `ready` on this thread whenever a client waits; it returns how long to wait before the next look.
  void watch(const ListeningSocket& listening, std::function<std::chrono::milliseconds()> ready);

  void stop_watching();  // returns when `ready` is not going to be called any more
  void drain();          // of every connection
  void close_all();
  void join();  // after close_all(): returns when the thread has ended

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace paddock::net
