// SPDX-License-Identifier: Apache-2.0
#include "server/auth/money.h"

#include <gtest/gtest.h>

#include <limits>

namespace paddock::server::auth {
namespace {

TEST(Money, TextBothWays) {
  EXPECT_EQ(parse_micros("25"), 25'000'000);
  EXPECT_EQ(parse_micros("25.00"), 25'000'000);
  EXPECT_EQ(parse_micros("0.0375"), 37'500);
  EXPECT_EQ(parse_micros("0.000001"), 1);
  EXPECT_EQ(parse_micros("999999999999.999999"), 999'999'999'999'999'999);
  for (const char* text :
       {"", ".", "1.", ".5", "-1", "+1", "1e3", "1,5", "0.0000001", "1000000000000", " 1", "1 ", "nan", "0x1"})
    EXPECT_EQ(parse_micros(text), std::nullopt) << text;
  EXPECT_EQ(format_micros(25'000'000), "25.00");
  EXPECT_EQ(format_micros(37'500), "0.0375");
  EXPECT_EQ(format_micros(0), "0.00");
}

TEST(Money, SumsAreExact) {
  // A tenth of a unit for a million tokens: one token is 10^-7. A binary fraction would be off after ten of them.
  const Prices prices{100'000, 25'000, 400'000};
  Money sum;
  for (int request = 0; request < 1'000'000; ++request) sum += cost_of({1, 0, 0}, prices);
  EXPECT_EQ(sum, Money::of_micros(100'000));
  EXPECT_EQ(cost_of({3, 2, 1}, prices).to_string(), "0.00000055");
  EXPECT_EQ(cost_of({1'000'000, 250'000, 500'000}, prices).to_string(), "0.28125");
  const Money parts = Money::of_parts(sum.micros(), sum.picos());
  EXPECT_EQ(parts, sum);
  EXPECT_EQ((Money() - Money::of_micros(1)).to_string(), "-0.000001");
}

TEST(Money, GreatNumbersSaturate) {
  const int64_t most = std::numeric_limits<int64_t>::max();
  Money sum = Money::of_tokens(most, most);
  EXPECT_EQ(sum.micros(), most);
  EXPECT_EQ(sum.tokens_at(1), most);
  EXPECT_EQ(Money::of_micros(1).tokens_at(0), most);
  EXPECT_EQ(Money::of_micros(1).tokens_at(3), 333'333);
  EXPECT_EQ((Money() - Money::of_micros(1)).tokens_at(1), 0);
  const Usage sane = sane_usage({-5, 10, most});
  EXPECT_EQ(sane.prompt_tokens, 0);
  EXPECT_EQ(sane.cached_tokens, 0);
  EXPECT_EQ(sane.output_tokens, int64_t{1} << 40);
}

}  // namespace
}  // namespace paddock::server::auth
