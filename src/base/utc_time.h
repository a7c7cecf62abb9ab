// SPDX-License-Identifier: Apache-2.0
#pragma once
// Moments as text, by RFC 3339. A moment is nanoseconds since 1970-01-01T00:00:00Z, from then to the year 2261.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace paddock {

constexpr int64_t kNsPerSecond = 1'000'000'000;
constexpr int64_t kNsPerDay = 86'400 * kNsPerSecond;

// "2026-11-23T03:06:02.123456789Z", with so many digits of a second: 0 to 9.
std::string format_utc(int64_t moment_ns, int fraction_digits = 0);

// "2026-11-23": the day in UTC.
std::string format_utc_day(int64_t moment_ns);

// "2026-11-23" (its first moment in UTC), or with a time: "2026-11-23T03:06", ":02", ".5" and "Z" or "+01:00", of which
// all after the minute may be missing. Missing for every other text and for days that do not exist.
std::optional<int64_t> parse_utc(std::string_view text);

}  // namespace paddock
