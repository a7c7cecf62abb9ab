// SPDX-License-Identifier: Apache-2.0
#pragma once
// A clock that a test turns.

#include <atomic>

#include "base/clock.h"
#include "base/utc_time.h"

namespace paddock::server::auth {

class ManualTime final : public TimeSource {
 public:
  explicit ManualTime(int64_t utc_ns = *parse_utc("2026-11-23T12:00:00Z")) : utc_ns_(utc_ns) {}

  int64_t utc_ns() const override { return utc_ns_; }
  int64_t steady_ns() const override { return steady_ns_; }

  void pass_ms(int64_t ms) {
    utc_ns_ += ms * 1'000'000;
    steady_ns_ += ms * 1'000'000;
  }
  void pass_seconds(int64_t seconds) { pass_ms(1000 * seconds); }
  // As an administrator does, or a server of time.
  void set_utc(int64_t utc_ns) { utc_ns_ = utc_ns; }

 private:
  std::atomic<int64_t> utc_ns_;
  std::atomic<int64_t> steady_ns_ = 5'000'000'000;
};

}  // namespace paddock::server::auth
