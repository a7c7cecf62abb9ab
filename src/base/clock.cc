// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

namespace paddock {
namespace {

template <typename Moment>
int64_t nanoseconds(Moment moment) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(moment.time_since_epoch()).count();
}

class SystemTime final : public TimeSource {
 public:
  int64_t utc_ns() const override { return nanoseconds(std::chrono::system_clock::now()); }
  int64_t steady_ns() const override { return nanoseconds(std::chrono::steady_clock::now()); }
};

}  // namespace

const TimeSource& system_time() {
  static const SystemTime time;
  return time;
}

}  // namespace paddock
