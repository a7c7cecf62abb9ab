// SPDX-License-Identifier: Apache-2.0
#pragma once
// The time of day for windows of limits: as the wall clock while it goes forward, as the steady clock while the wall
// clock stands behind because somebody set it back. So a window neither begins again nor stays for ever.

#include <algorithm>
#include <cstdint>

#include "base/clock.h"

namespace paddock::server::auth {

// One thread at a time.
class ForwardTime {
 public:
  explicit ForwardTime(const TimeSource& source)
      : source_(source), steady_ns_(source.steady_ns()), now_ns_(source.utc_ns()) {}

  // Nanoseconds since 1970 in UTC, never less than before.
  int64_t now_ns() {
    const int64_t steady = source_.steady_ns();
    now_ns_ = std::max(now_ns_ + (steady - steady_ns_), source_.utc_ns());
    steady_ns_ = steady;
    return now_ns_;
  }

 private:
  const TimeSource& source_;
  int64_t steady_ns_;
  int64_t now_ns_;
};

}  // namespace paddock::server::auth
