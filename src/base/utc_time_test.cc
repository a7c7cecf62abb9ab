// SPDX-License-Identifier: Apache-2.0
#include "base/utc_time.h"

#include <gtest/gtest.h>

#include "base/clock.h"

namespace paddock {
namespace {

TEST(UtcTime, BothWays) {
  EXPECT_EQ(format_utc(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(format_utc(1'709'164'799'123'456'789, 9), "2024-02-28T23:59:59.123456789Z");
  EXPECT_EQ(format_utc(1'709'164'799'123'456'789, 3), "2024-02-28T23:59:59.123Z");
  EXPECT_EQ(format_utc_day(1'709'164'800'000'000'000), "2024-02-29");
  EXPECT_EQ(format_utc(-1, 9), "1969-12-31T23:59:59.999999999Z");
  for (const int64_t moment : {int64_t{0}, int64_t{951'782'400} * kNsPerSecond, system_time().utc_ns()})
    EXPECT_EQ(parse_utc(format_utc(moment, 9)), moment);
}

TEST(UtcTime, FormsThatAreRead) {
  const int64_t midnight = 1'709'164'800 * kNsPerSecond;
  EXPECT_EQ(parse_utc("2024-02-29"), midnight);
  EXPECT_EQ(parse_utc("2024-02-29T01:00+01:00"), midnight);
  EXPECT_EQ(parse_utc("2024-02-28 19:30:00-04:30"), midnight);
  EXPECT_EQ(parse_utc("2024-02-29T00:00:00.5"), midnight + kNsPerSecond / 2);
}

TEST(UtcTime, FormsThatAreNot) {
  for (const char* text : {"", "2024", "2023-02-29", "2024-13-01", "2024-00-10", "2024-01-32", "1969-12-31",
                           "9999-01-01", "2024-02-29T", "2024-02-29T24:00", "2024-02-29T10:60", "2024-02-29T10:00:60Z",
                           "2024-02-29T10:00:00.Z", "2024-02-29T10:00:00.1234567890Z", "2024-02-29T10:00:00+1",
                           "2024-02-29Z", "2024-02-29T10:00ZZ", "+024-02-29", "2024-2-29"})
    EXPECT_EQ(parse_utc(text), std::nullopt) << text;
}

TEST(TimeSource, TellsTheTime) {
  const int64_t before = system_time().steady_ns();
  EXPECT_GT(system_time().utc_ns(), 1'600'000'000 * kNsPerSecond);
  EXPECT_GE(system_time().steady_ns(), before);
}

}  // namespace
}  // namespace paddock
