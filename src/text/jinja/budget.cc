// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/budget.h"

namespace paddock::text::jinja {

void Budget::grow_for(uint64_t context_bytes) {
  limits_.steps += context_bytes;
  limits_.built_bytes += 16 * context_bytes;
  limits_.output_bytes += 4 * context_bytes;
  steps_left_ = limits_.steps;
  bytes_left_ = limits_.built_bytes;
}

tl::unexpected<Error> Budget::exhausted() const {
  if (exceeded_ == Exceeded::kBuiltBytes)
    return error(ErrorCode::kLimit,
                 "the template built values of more than {} bytes; it may double a text again and again",
                 limits_.built_bytes);
  return error(ErrorCode::kLimit, "the template took more than {} steps; it may loop for ever", limits_.steps);
}

}  // namespace paddock::text::jinja
