// SPDX-License-Identifier: Apache-2.0
#pragma once
// Elapsed time for measurements and deadlines.

#include <chrono>

namespace paddock {

// Seconds since construction, by a clock that never goes back.
class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_ = Clock::now();
};

}  // namespace paddock
