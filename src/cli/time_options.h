// SPDX-License-Identifier: Apache-2.0
#pragma once
// Moments and spans of time as people type them.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace paddock::cli {

// "90s", "15m", "12h", "30d", "2w", "1y" (365 days), in nanoseconds. `option` is named in the error.
Result<int64_t> parse_span(std::string_view text, std::string_view option);

// A span from now, or a moment as parse_utc() reads it. Nanoseconds since 1970 in UTC.
Result<int64_t> parse_moment_or_span(std::string_view text, int64_t now_ns, std::string_view option);

// A moment; a day alone is its first moment, or with `to_end` its last.
Result<int64_t> parse_moment(std::string_view text, std::string_view option, bool to_end = false);

}  // namespace paddock::cli
