// SPDX-License-Identifier: Apache-2.0
#pragma once
// What all connections of a server share.

#include <atomic>
#include <string>

#include "net/server.h"

namespace paddock::net {

struct Counters {
  std::atomic<int64_t> connections{0}, exchanges{0}, accepted{0}, over_limit{0}, requests{0}, refused{0}, timed_out{0},
      failed_handshakes{0}, body_bytes{0};
};

// Thread-safe.
class Site {
 public:
  Site(const Limits& limits, ServerCallbacks callbacks);

  const Limits& limits() const { return limits_; }
  const ServerCallbacks& callbacks() const { return callbacks_; }
  Counters& counters() { return counters_; }

  std::string next_request_id();
  Response refusal(const Refusal& refusal, const Peer& peer);

  // False: the bodies of all requests would take more than they may; nothing is reserved then.
  bool reserve_body(size_t bytes);
  void release_body(size_t bytes) { counters_.body_bytes -= static_cast<int64_t>(bytes); }

 private:
  const Limits limits_;
  const ServerCallbacks callbacks_;
  Counters counters_;
  std::string id_prefix_;  // of this process
  std::atomic<uint64_t> next_id_{0};
};

}  // namespace paddock::net
