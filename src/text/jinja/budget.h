// SPDX-License-Identifier: Apache-2.0
#pragma once
// What one rendering may spend, so that a template that loops for ever or builds gigabytes is stopped with an error.

#include <cstddef>
#include <cstdint>

#include "base/result.h"

namespace paddock::text::jinja {

// The defaults end the worst template found so far within about a second. All but the depth grow with the texts of the
// context, so that a prompt of millions of tokens has room: for each of their bytes by one step, 16 built and 4
// printed.
struct RenderLimits {
  uint64_t steps = 10'000'000;  // expressions evaluated, loop turns, and one for each 16 bytes of text handled
  uint64_t built_bytes = uint64_t{1} << 27;   // values made on the way, the freed ones too
  uint64_t output_bytes = uint64_t{1} << 26;  // of the rendered text
  int depth = 600;                            // statements, expressions and macro calls inside each other
};

class Budget {
 public:
  explicit Budget(const RenderLimits& limits)
      : limits_(limits), steps_left_(limits.steps), bytes_left_(limits.built_bytes) {}

  // False once a limit is passed, and ever after; exhausted() is then the error.
  bool can_spend(uint64_t steps) { return take(steps_left_, steps, Exceeded::kSteps); }
  bool can_scan(uint64_t bytes) { return can_spend(bytes / kBytesPerStep); }
  bool can_build(uint64_t bytes) { return take(bytes_left_, bytes, Exceeded::kBuiltBytes) && can_scan(bytes); }
  tl::unexpected<Error> exhausted() const;

  Result<void> spend(uint64_t steps) { return result(can_spend(steps)); }
  Result<void> scan(uint64_t bytes) { return result(can_scan(bytes)); }
  Result<void> build(uint64_t bytes) { return result(can_build(bytes)); }

  const RenderLimits& limits() const { return limits_; }
  void grow_for(uint64_t context_bytes);  // before anything is spent

 private:
  enum class Exceeded { kNothing, kSteps, kBuiltBytes };
  static constexpr uint64_t kBytesPerStep = 16;  // slow text operations take about as long for these as a step

  bool take(uint64_t& left, uint64_t amount, Exceeded which) {
    if (exceeded_ == Exceeded::kNothing && amount > left) exceeded_ = which;
    if (exceeded_ != Exceeded::kNothing) return false;
    left -= amount;
    return true;
  }
  Result<void> result(bool within) const {
    if (within) return {};
    return exhausted();
  }

  RenderLimits limits_;
  uint64_t steps_left_;
  uint64_t bytes_left_;
  Exceeded exceeded_ = Exceeded::kNothing;
};

// Counts one level of recursion for as long as it lives.
class DepthGuard {
 public:
  explicit DepthGuard(int& depth) : depth_(depth) { ++depth_; }
  ~DepthGuard() { --depth_; }
  DepthGuard(const DepthGuard&) = delete;
  DepthGuard& operator=(const DepthGuard&) = delete;

 private:
  int& depth_;
};

}  // namespace paddock::text::jinja
