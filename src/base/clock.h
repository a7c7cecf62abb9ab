// SPDX-License-Identifier: Apache-2.0
#pragma once
// Elapsed time for measurements and deadlines, and the time of day for what outlives the process.

#include <chrono>
#include <cstdint>

namespace paddock {

// Seconds since construction, by a clock that never goes back.
class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_ = Clock::now();
};

// What time it is, for code whose tests have to turn the clock. Thread-safe.
class TimeSource {
 public:
  virtual ~TimeSource() = default;
  virtual int64_t utc_ns() const = 0;     // nanoseconds since 1970-01-01T00:00:00Z; somebody may set it, also back
  virtual int64_t steady_ns() const = 0;  // nanoseconds since some moment; never goes back
};

// The clocks of the operating system.
const TimeSource& system_time();

}  // namespace paddock
