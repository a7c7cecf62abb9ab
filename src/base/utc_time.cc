// SPDX-License-Identifier: Apache-2.0
#include "base/utc_time.h"

#include <fmt/core.h>

#include <chrono>

namespace paddock {
namespace {

using std::chrono::days;
using std::chrono::year_month_day;

constexpr int64_t kSecondsPerDay = 86'400;

int64_t floor_divide(int64_t value, int64_t by) { return value / by - (value % by < 0 ? 1 : 0); }

year_month_day date_of(int64_t moment_ns) { return std::chrono::sys_days(days(floor_divide(moment_ns, kNsPerDay))); }

// Reads from the front of a text; false for what is not there.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  bool is_at_end() const { return rest_.empty(); }
  bool skip(char expected) {
    if (rest_.empty() || rest_.front() != expected) return false;
    rest_.remove_prefix(1);
    return true;
  }
  // Exactly `count` digits, of a number up to `most`.
  bool number(size_t count, int most, int* value) {
    if (rest_.size() < count) return false;
    *value = 0;
    for (const char digit : rest_.substr(0, count)) {
      if (digit < '0' || digit > '9') return false;
      *value = *value * 10 + (digit - '0');
    }
    rest_.remove_prefix(count);
    return *value <= most;
  }
  // One to nine digits after the point, as nanoseconds.
  bool fraction(int64_t* ns) {
    int64_t unit = kNsPerSecond;
    *ns = 0;
    while (!rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9' && unit > 1) {
      unit /= 10;
      *ns += (rest_.front() - '0') * unit;
      rest_.remove_prefix(1);
    }
    return unit < kNsPerSecond;
  }

 private:
  std::string_view rest_;
};

// "Z", "+01:00" or nothing, as seconds east of Greenwich.
bool scan_zone(Scanner* scan, int64_t* offset) {
  *offset = 0;
  if (scan->is_at_end() || scan->skip('Z')) return true;
  const bool east = scan->skip('+');
  if (!east && !scan->skip('-')) return false;
  int hours = 0, minutes = 0;
  if (!scan->number(2, 23, &hours) || !scan->skip(':') || !scan->number(2, 59, &minutes)) return false;
  *offset = (hours * 60 + minutes) * (east ? 60 : -60);
  return true;
}

}  // namespace

std::string format_utc_day(int64_t moment_ns) {
  const year_month_day date = date_of(moment_ns);
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()));
}

std::string format_utc(int64_t moment_ns, int fraction_digits) {
  const int64_t seconds = floor_divide(moment_ns, kNsPerSecond);
  const int64_t in_day = seconds - floor_divide(seconds, kSecondsPerDay) * kSecondsPerDay;
  std::string text =
      fmt::format("{}T{:02}:{:02}:{:02}", format_utc_day(moment_ns), in_day / 3600, in_day / 60 % 60, in_day % 60);
  if (fraction_digits > 0) {
    const std::string digits = fmt::format("{:09}", moment_ns - seconds * kNsPerSecond);
    text += "." + digits.substr(0, static_cast<size_t>(fraction_digits));
  }
  return text + "Z";
}

std::optional<int64_t> parse_utc(std::string_view text) {
  Scanner scan(text);
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  int64_t ns = 0, offset = 0;
  if (!scan.number(4, 2261, &year) || !scan.skip('-') || !scan.number(2, 12, &month) || !scan.skip('-') ||
      !scan.number(2, 31, &day))
    return std::nullopt;
  const year_month_day date(std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                            std::chrono::day(static_cast<unsigned>(day)));
  if (!date.ok() || year < 1970) return std::nullopt;
  if (!scan.is_at_end()) {
    if (!scan.skip('T') && !scan.skip(' ')) return std::nullopt;
    if (!scan.number(2, 23, &hour) || !scan.skip(':') || !scan.number(2, 59, &minute)) return std::nullopt;
    if (scan.skip(':') && !scan.number(2, 59, &second)) return std::nullopt;
    if (scan.skip('.') && !scan.fraction(&ns)) return std::nullopt;
    if (!scan_zone(&scan, &offset) || !scan.is_at_end()) return std::nullopt;
  }
  const int64_t days_since_1970 = std::chrono::sys_days(date).time_since_epoch().count();
  const int64_t seconds = days_since_1970 * kSecondsPerDay + hour * 3600 + minute * 60 + second - offset;
  return seconds * kNsPerSecond + ns;
}

}  // namespace paddock
