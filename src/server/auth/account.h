// SPDX-License-Identifier: Apache-2.0
#pragma once
// What one key has used and reserved, and whether it may begin another request. Integers and given moments only: no
// clock, no file.

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "server/auth/key.h"
#include "server/auth/minute_window.h"
#include "server/auth/money.h"
#include "server/auth/refusal.h"

namespace paddock::server::auth {

// What a request may need at most.
struct Demand {
  int64_t prompt_tokens = 0;
  int64_t max_output_tokens = 0;
  // The client named no maximum, so that a smaller one may be set: where a limit of tokens or money applies, the answer
  // gets what is left of it, at most kUnnamedOutputTokens.
  bool may_shorten_output = false;
};

constexpr int64_t kUnnamedOutputTokens = 4096;

// What a request was promised: taken from the limits until it is settled.
struct Grant {
  int64_t max_output_tokens = 0;
  int64_t tokens = 0;  // prompt and output
  Money money;
  int64_t minute_slot = 0;
};

// Where a limit stands, for header fields.
struct LimitState {
  struct Window {
    int64_t limit = 0;
    int64_t remaining = 0;
    int64_t reset_ms = 0;  // until all of it is free again
  };
  std::optional<Window> requests;  // a minute
  std::optional<Window> tokens;    // a minute, or a day when there is no such limit
};

// Moments come from one ForwardTime. One thread at a time.
class Account {
 public:
  // What a database keeps of it: everything but requests that run.
  struct Stored {
    std::string minute;  // MinuteWindow's bytes
    int64_t day_end_ns = 0;
    int64_t day_tokens = 0;
    Money spent;
  };
  explicit Account(const Stored& stored, int64_t now_ns);
  Account() = default;
  Stored stored() const;

  // Takes what the request may need from the limits, or says which is in the way. Counts and sums that a limit holds
  // are never above it, however many requests run.
  tl::expected<Grant, Refusal> begin(const Demand& demand, const Limits& limits, const Prices& prices, int64_t now_ns);
  // The request was not begun after all: nothing of it counts.
  void take_back(const Grant& grant);
  // The request has ended: what it used counts, the rest of what was reserved is free. More than was reserved counts
  // too, and may lift a count above its limit; then nothing begins until it is below.
  // `usage` is a sane_usage().
  void settle(const Grant& grant, const Usage& usage, Money cost, int64_t now_ns);

  LimitState state(const Limits& limits, int64_t now_ns);
  int64_t running() const { return running_; }

 private:
  void advance(int64_t now_ns);
  int64_t output_bound(const Demand& demand, const Limits& limits, const Prices& prices) const;
  std::optional<Refusal> refusal(const Grant& wanted, const Limits& limits, int64_t now_ns) const;

  MinuteWindow minute_;
  int64_t day_end_ns_ = 0;
  int64_t day_tokens_ = 0;
  Money spent_;
  // Of requests that run.
  int64_t running_ = 0;
  int64_t reserved_tokens_ = 0;
  Money reserved_money_;
};

}  // namespace paddock::server::auth
