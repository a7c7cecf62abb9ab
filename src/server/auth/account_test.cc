// SPDX-License-Identifier: Apache-2.0
// Every limit, and the window of a minute, with moments that the tests make up.

#include "server/auth/account.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>

#include "base/utc_time.h"
#include "server/auth/rate_limit_headers.h"

namespace paddock::server::auth {
namespace {

const int64_t kNoon = *parse_utc("2026-11-23T12:00:00Z");
constexpr int64_t kSecond = kNsPerSecond;

TEST(MinuteWindow, HoldsInEverySixtySeconds) {
  std::mt19937_64 random(7);
  MinuteWindow window;
  std::deque<int64_t> begun;
  constexpr int64_t kLimit = 20;
  for (int64_t now = kNoon, step = 0; step < 20'000; ++step) {
    now += static_cast<int64_t>(random() % (kSecond * 4));
    window.advance(now);
    if (window.used().requests >= kLimit) {
      // It is right about when: not before, and then.
      const int64_t wait = window.wait_for_requests(1, kLimit, now);
      ASSERT_GT(wait, 0);
      ASSERT_LE(wait, 60 * kSecond);
      MinuteWindow later = window;
      later.advance(now + wait - 1);
      ASSERT_EQ(later.used().requests, kLimit);
      later.advance(now + wait);
      ASSERT_LT(later.used().requests, kLimit);
      continue;
    }
    window.add(now, {1, 10});
    begun.push_back(now);
    while (begun.front() <= now - 60 * kSecond) begun.pop_front();
    ASSERT_LE(static_cast<int64_t>(begun.size()), kLimit);
    ASSERT_EQ(window.used().tokens, 10 * window.used().requests);
  }
}

TEST(MinuteWindow, ThroughBytes) {
  MinuteWindow window;
  for (int64_t second = 0; second < 200; ++second) {
    window.advance(kNoon + second * kSecond);
    window.add(kNoon + second * kSecond, {1, 5});
  }
  EXPECT_EQ(window.used().requests, 60);
  MinuteWindow read = MinuteWindow::of_bytes(window.bytes(), kNoon + 199 * kSecond);
  EXPECT_EQ(read.used().requests, 60);
  EXPECT_EQ(read.used().tokens, 300);
  read.advance(kNoon + 229 * kSecond);
  EXPECT_EQ(read.used().requests, 30);
  EXPECT_EQ(MinuteWindow::of_bytes("seven b", kNoon).used().requests, 0);
  EXPECT_EQ(MinuteWindow::of_bytes(std::string(24 * 1000, 'x'), kNoon).used().requests, 0);
  EXPECT_GE(MinuteWindow::of_bytes(std::string(24 * 61, '\xff'), kNoon).used().tokens, 0);
}

TEST(MinuteWindow, WrittenInTheFuture) {
  MinuteWindow window;
  window.add(kNoon, {3, 30});
  MinuteWindow read = MinuteWindow::of_bytes(window.bytes(), kNoon - 3600 * kSecond);
  EXPECT_EQ(read.used().requests, 3);
  read.advance(kNoon - 3600 * kSecond + 60 * kSecond);
  EXPECT_EQ(read.used().requests, 0);
}

class AccountTest : public testing::Test {
 protected:
  tl::expected<Grant, Refusal> begin(int64_t prompt, int64_t output, bool may_shorten = false) {
    return account_.begin({prompt, output, may_shorten}, limits_, prices_, now_);
  }
  void settle(const Grant& grant, const Usage& usage) { account_.settle(grant, usage, cost_of(usage, prices_), now_); }
  void expect_refusal(const tl::expected<Grant, Refusal>& grant, Reason reason, std::optional<int64_t> retry_after_ms) {
    ASSERT_FALSE(grant);
    EXPECT_EQ(name_of(grant.error().reason), name_of(reason)) << grant.error().message;
    EXPECT_EQ(grant.error().status, 429);
    EXPECT_EQ(grant.error().retry_after_ms, retry_after_ms);
  }

  Account account_;
  Limits limits_;
  Prices prices_;
  int64_t now_ = kNoon;
};

TEST_F(AccountTest, RequestsAMinute) {
  limits_.requests_per_minute = 3;
  for (int request = 0; request < 3; ++request) {
    ASSERT_TRUE(begin(1, 1));
    now_ += kSecond;
  }
  expect_refusal(begin(1, 1), Reason::kRequestsPerMinute, 57'000);
  now_ += 57 * kSecond;
  EXPECT_TRUE(begin(1, 1));
  EXPECT_FALSE(begin(1, 1));
}

TEST_F(AccountTest, TokensAMinuteAreReservedThenSettled) {
  limits_.tokens_per_minute = 100;
  const auto grant = begin(20, 60);
  ASSERT_TRUE(grant);
  expect_refusal(begin(10, 11), Reason::kTokensPerMinute, 60'000);
  settle(*grant, {20, 0, 5});
  EXPECT_TRUE(begin(10, 65));
  expect_refusal(begin(1, 0), Reason::kTokensPerMinute, 60'000);
  expect_refusal(begin(50, 51), Reason::kTooLarge, std::nullopt);
  EXPECT_EQ(account_.state(limits_, now_).tokens->remaining, 0);
  now_ += 60 * kSecond;
  EXPECT_TRUE(begin(50, 50));
}

TEST_F(AccountTest, MoreThanReservedCounts) {
  limits_.tokens_per_minute = 100;
  const auto grant = begin(10, 10);
  now_ += kSecond;
  settle(*grant, {10, 0, 95});
  expect_refusal(begin(1, 0), Reason::kTokensPerMinute, 59'000);
  now_ += 59 * kSecond;  // the reserved ones have gone
  EXPECT_TRUE(begin(1, 0));
}

TEST_F(AccountTest, AnswersWithoutANamedMaximumGetWhatIsLeft) {
  limits_.tokens_per_minute = 100;
  const auto first = begin(10, 1'000'000, true);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->max_output_tokens, 90);
  expect_refusal(begin(10, 1'000'000, true), Reason::kTokensPerMinute, 60'000);
  settle(*first, {10, 0, 20});
  EXPECT_EQ(begin(10, 1'000'000, true)->max_output_tokens, 60);
  limits_ = {};
  EXPECT_EQ(begin(10, 1'000'000, true)->max_output_tokens, 1'000'000);
  account_ = {};
  limits_.tokens_per_day = 1'000'000;
  EXPECT_EQ(begin(10, 1'000'000, true)->max_output_tokens, kUnnamedOutputTokens);
  EXPECT_EQ(begin(10, 7, true)->max_output_tokens, 7);
  EXPECT_EQ(begin(10, 0, true)->max_output_tokens, 0);
}

TEST_F(AccountTest, TokensADay) {
  limits_.tokens_per_day = 1000;
  const auto grant = begin(400, 100);
  settle(*grant, {400, 300, 100});
  const auto running = begin(250, 250);
  ASSERT_TRUE(running);
  expect_refusal(begin(250, 251), Reason::kTokensPerDay, 12 * 3600 * 1000);
  expect_refusal(begin(100, 100), Reason::kTokensPerDay, 1000);  // until the running one has ended
  settle(*running, {250, 0, 250});
  expect_refusal(begin(1, 0), Reason::kTokensPerDay, 12 * 3600 * 1000);
  now_ = *parse_utc("2026-11-24");
  EXPECT_TRUE(begin(1000, 0));
  expect_refusal(begin(1001, 0), Reason::kTooLarge, std::nullopt);
}

TEST_F(AccountTest, RequestsAtTheSameTime) {
  limits_.concurrent_requests = 2;
  const auto one = begin(1, 1), two = begin(1, 1);
  expect_refusal(begin(1, 1), Reason::kConcurrentRequests, 1000);
  settle(*one, {1, 0, 1});
  EXPECT_TRUE(begin(1, 1));
  EXPECT_FALSE(begin(1, 1));
  account_.take_back(*two);
  EXPECT_TRUE(begin(1, 1));
}

TEST_F(AccountTest, Budget) {
  prices_ = {1'000'000, 100'000, 2'000'000};  // one, a tenth and two for a million
  limits_.budget_micros = 1000;               // a thousandth
  const auto grant = begin(400, 100);         // reserves 600 millionths
  ASSERT_TRUE(grant);
  expect_refusal(begin(401, 0), Reason::kBudget, 1000);
  settle(*grant, {400, 300, 100});  // costs 330
  EXPECT_EQ(begin(70, 1'000'000, true)->max_output_tokens, 300);
  const auto refused = begin(1, 0);
  expect_refusal(refused, Reason::kBudget, 1000);
  EXPECT_NE(refused.error().message.find("0.00033 are spent"), std::string::npos) << refused.error().message;
}

TEST_F(AccountTest, ASpentBudgetIsOverForGood) {
  prices_ = {1'000'000, 1'000'000, 1'000'000};
  limits_.budget_micros = 100;
  settle(*begin(50, 50), {50, 0, 50});
  expect_refusal(begin(1, 0), Reason::kBudget, std::nullopt);
  now_ += 400 * kNsPerDay;
  expect_refusal(begin(1, 0), Reason::kBudget, std::nullopt);
  prices_ = {};  // not even what costs nothing
  expect_refusal(begin(1, 0), Reason::kBudget, std::nullopt);
}

TEST_F(AccountTest, LimitsOfNoughtAllowNothing) {
  limits_.requests_per_minute = 0;
  expect_refusal(begin(1, 1), Reason::kRequestsPerMinute, std::nullopt);
  limits_ = {};
  limits_.concurrent_requests = 0;
  expect_refusal(begin(1, 1), Reason::kConcurrentRequests, std::nullopt);
}

TEST_F(AccountTest, AbsurdDemandsAreRefusedNotWrapped) {
  limits_.tokens_per_minute = std::numeric_limits<int64_t>::max();
  const int64_t most = std::numeric_limits<int64_t>::max();
  EXPECT_TRUE(begin(most, most));
  EXPECT_TRUE(begin(-most, -most));
  limits_.tokens_per_day = 1000;
  expect_refusal(begin(most, most), Reason::kTooLarge, std::nullopt);
  EXPECT_GE(account_.state(limits_, now_).tokens->remaining, 0);
}

TEST_F(AccountTest, StoredAndReadAgain) {
  limits_ = {.requests_per_minute = 2, .tokens_per_day = 1000};
  settle(*begin(100, 100), {100, 0, 100});
  static_cast<void>(begin(300, 300));  // runs while the process ends
  Account again(account_.stored(), now_ + kSecond);
  now_ += kSecond;
  account_ = again;
  expect_refusal(begin(1, 1), Reason::kRequestsPerMinute, 59'000);
  now_ += 60 * kSecond;
  EXPECT_TRUE(begin(400, 400));  // what ran has not counted for the day
  EXPECT_FALSE(begin(1, 0));
}

TEST_F(AccountTest, TheClockSetBackWhileNobodyLooks) {
  limits_ = {.requests_per_minute = 1, .tokens_per_day = 100};
  settle(*begin(50, 50), {50, 0, 50});
  const Account::Stored stored = account_.stored();
  // By a week: neither a fresh window, nor one for a week.
  now_ -= 7 * kNsPerDay;
  account_ = Account(stored, now_);
  expect_refusal(begin(1, 0), Reason::kTokensPerDay, 24 * 3600 * 1000);
  limits_.tokens_per_day.reset();
  expect_refusal(begin(1, 0), Reason::kRequestsPerMinute, 60'000);
  limits_.tokens_per_day = 100;
  now_ += kNsPerDay;
  EXPECT_TRUE(begin(50, 50));
}

TEST(RateLimitHeaders, AsTheHostedServicesSendThem) {
  const LimitState state{.requests = {{60, 59, 1000}}, .tokens = {{150'000, 149'984, 360'120}}};
  EXPECT_EQ(rate_limit_fields(Dialect::kOpenAi, state, kNoon), (HeaderFields{{"x-ratelimit-limit-requests", "60"},
                                                                             {"x-ratelimit-remaining-requests", "59"},
                                                                             {"x-ratelimit-reset-requests", "1s"},
                                                                             {"x-ratelimit-limit-tokens", "150000"},
                                                                             {"x-ratelimit-remaining-tokens", "149984"},
                                                                             {"x-ratelimit-reset-tokens", "6m0.12s"}}));
  EXPECT_EQ(rate_limit_fields(Dialect::kAnthropic, {.requests = {{60, 59, 1001}}}, kNoon),
            (HeaderFields{{"anthropic-ratelimit-requests-limit", "60"},
                          {"anthropic-ratelimit-requests-remaining", "59"},
                          {"anthropic-ratelimit-requests-reset", "2026-11-23T12:00:02Z"}}));
  EXPECT_TRUE(rate_limit_fields(Dialect::kOpenAi, {}, kNoon).empty());
  EXPECT_EQ(retry_fields({Reason::kTokensPerMinute, 429, "", 1001}),
            (HeaderFields{{"retry-after", "2"}, {"retry-after-ms", "1001"}}));
  EXPECT_EQ(retry_fields({Reason::kBudget, 429, "", std::nullopt}), (HeaderFields{{"x-should-retry", "false"}}));
  EXPECT_TRUE(retry_fields({Reason::kUnknown, 401, "", std::nullopt}).empty());
}

TEST(RateLimitHeaders, Durations) {
  EXPECT_EQ(short_duration(0), "0s");
  EXPECT_EQ(short_duration(120), "120ms");
  EXPECT_EQ(short_duration(1500), "1.5s");
  EXPECT_EQ(short_duration(60'000), "1m0s");
  EXPECT_EQ(short_duration(3'600'000), "1h0m0s");
  EXPECT_EQ(short_duration(86'399'001), "23h59m59.001s");
}

}  // namespace
}  // namespace paddock::server::auth
