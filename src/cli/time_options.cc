// SPDX-License-Identifier: Apache-2.0
#include "cli/time_options.h"

#include <charconv>
#include <optional>

#include "base/utc_time.h"

namespace paddock::cli {
namespace {

constexpr int64_t kLongestSpanDays = 100 * 365;
constexpr size_t kDayLength = 10;  // "2026-11-23"

int64_t unit_seconds(char unit) {
  switch (unit) {
    case 's': return 1;
    case 'm': return 60;
    case 'h': return 3600;
    case 'd': return 86'400;
    case 'w': return 7 * 86'400;
    case 'y': return 365 * 86'400;
    default: return 0;
  }
}

std::optional<int64_t> span_of(std::string_view text) {
  if (text.size() < 2) return std::nullopt;
  const int64_t unit = unit_seconds(text.back());
  int64_t count = 0;
  const char* end = text.data() + text.size() - 1;
  const auto [stop, problem] = std::from_chars(text.data(), end, count);
  if (unit == 0 || problem != std::errc() || stop != end || count < 0) return std::nullopt;
  if (count > kLongestSpanDays * 86'400 / unit) return std::nullopt;
  return count * unit * kNsPerSecond;
}

}  // namespace

Result<int64_t> parse_span(std::string_view text, std::string_view option) {
  if (const auto span = span_of(text)) return *span;
  return error(ErrorCode::kInvalidArgument,
               "{}: expected a span of time as 90s, 15m, 12h, 30d, 2w or 1y, of 100 years at most, found \"{}\"",
               option, text);
}

Result<int64_t> parse_moment_or_span(std::string_view text, int64_t now_ns, std::string_view option) {
  if (const auto span = span_of(text)) return now_ns + *span;
  if (const auto moment = parse_utc(text)) return *moment;
  return error(
      ErrorCode::kInvalidArgument,
      "{}: expected a span of time as 12h or 30d, or a moment as 2027-01-31 or 2027-01-31T12:00:00Z, found \"{}\"",
      option, text);
}

Result<int64_t> parse_moment(std::string_view text, std::string_view option, bool to_end) {
  const auto moment = parse_utc(text);
  if (!moment)
    return error(ErrorCode::kInvalidArgument,
                 "{}: expected a moment as 2027-01-31 or 2027-01-31T12:00:00Z, found \"{}\"", option, text);
  return to_end && text.size() == kDayLength ? *moment + kNsPerDay - 1 : *moment;
}

}  // namespace paddock::cli
