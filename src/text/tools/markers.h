// SPDX-License-Identifier: Apache-2.0
#pragma once
// Finds <|python_start|> and <|python_end|> in text that comes in pieces.

#include <string>
#include <string_view>
#include <utility>

#include "text/tools/step.h"

namespace paddock::text::tools {

// Calls take(byte) for every byte of the text, with kPythonStart or kPythonEnd in place of a marker.
class Markers {
 public:
  template <typename Take>
  void push(std::string_view text, Take&& take) {
    for (const char byte : text) {
      if (!held_.empty() && !may_continue(byte)) flush(take);
      if (held_.empty() && byte != '<') {
        take(byte);
        continue;
      }
      held_ += byte;
      if (held_ != kPythonStartText && held_ != kPythonEndText) continue;
      const char marker = held_ == kPythonStartText ? kPythonStart : kPythonEnd;
      held_.clear();
      take(marker);
    }
  }

  // What may have begun a marker and did not.
  template <typename Take>
  void flush(Take&& take) {
    const std::string held = std::exchange(held_, {});
    for (const char byte : held) take(byte);
  }

 private:
  bool may_continue(char byte) const {
    const auto matches = [&](std::string_view marker) {
      return marker.starts_with(held_) && marker[held_.size()] == byte;
    };
    return matches(kPythonStartText) || matches(kPythonEndText);
  }

  std::string held_;  // a proper beginning of a marker: only its first byte is '<', so that no other may begin inside
};

}  // namespace paddock::text::tools
