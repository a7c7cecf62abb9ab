// SPDX-License-Identifier: Apache-2.0
#include "cli/time_options.h"

#include <gtest/gtest.h>

#include "base/utc_time.h"

namespace paddock::cli {
namespace {

TEST(TimeOptions, Spans) {
  EXPECT_EQ(*parse_span("90s", "--x"), 90 * kNsPerSecond);
  EXPECT_EQ(*parse_span("30d", "--x"), 30 * kNsPerDay);
  EXPECT_EQ(*parse_span("0h", "--x"), 0);
  EXPECT_EQ(*parse_span("100y", "--x"), 36'500 * kNsPerDay);
  for (const char* text : {"", "d", "30", "-1d", "1.5h", "101y", "99999999999999999999s", "1 d", "1dd"})
    EXPECT_FALSE(parse_span(text, "--x")) << text;
}

TEST(TimeOptions, Moments) {
  const int64_t day = *parse_utc("2027-01-31");
  EXPECT_EQ(*parse_moment_or_span("2027-01-31", 5, "--x"), day);
  EXPECT_EQ(*parse_moment_or_span("1m", 5, "--x"), 60 * kNsPerSecond + 5);
  EXPECT_EQ(*parse_moment("2027-01-31", "--x", true), day + kNsPerDay - 1);
  EXPECT_EQ(*parse_moment("2027-01-31T00:00Z", "--x", true), day);
  EXPECT_FALSE(parse_moment("1d", "--x"));
  EXPECT_EQ(parse_moment_or_span("soon", 5, "--x").error().message.substr(0, 4), "--x:");
}

}  // namespace
}  // namespace paddock::cli
