// SPDX-License-Identifier: Apache-2.0
#pragma once
// Split patterns that are not among the published ones: PCRE2, with limits so that no pattern can hang or exhaust
// memory.

#include <functional>
#include <memory>
#include <string_view>

#include "base/result.h"

namespace paddock::text {

// A compiled pattern. Immutable and thread-safe.
class RegexSplit {
 public:
  // `is_literal`: the pattern is the text to find. An error names the pattern, the place and PCRE2's reason.
  static Result<std::shared_ptr<const RegexSplit>> compile(std::string_view pattern, bool is_literal);

  ~RegexSplit();
  RegexSplit(const RegexSplit&) = delete;
  RegexSplit& operator=(const RegexSplit&) = delete;

  // Every part of `text` in order: matches, and gaps between them; none is empty. `text` must be valid UTF-8. From the
  // place where a match would need more work than the limit allows, the rest is one gap.
  void split(std::string_view text, const std::function<void(std::string_view part, bool is_match)>& sink) const;

 private:
  explicit RegexSplit(void* code) : code_(code) {}

  void* code_;  // pcre2_code; its header stays out of ours
};

}  // namespace paddock::text
