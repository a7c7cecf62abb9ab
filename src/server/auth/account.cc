// SPDX-License-Identifier: Apache-2.0
#include "server/auth/account.h"

#include <algorithm>
#include <utility>

#include "base/utc_time.h"

namespace paddock::server::auth {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;
constexpr int64_t kSoonMs = 1000;  // when only running requests are in the way, and nobody knows when they end
constexpr int64_t kMostTokens = int64_t{1} << 40;  // of one request: sums of them stay far from overflow
constexpr int64_t kMostCounted = int64_t{1} << 53;

int64_t ms_of(int64_t ns) { return (ns + kNsPerMs - 1) / kNsPerMs; }
int64_t sane(int64_t tokens) { return std::clamp<int64_t>(tokens, 0, kMostTokens); }

int64_t next_midnight(int64_t now_ns) { return (now_ns / kNsPerDay + 1) * kNsPerDay; }

Refusal over_limit(Reason reason, std::optional<int64_t> retry_after_ms, std::string message) {
  return {reason, 429, std::move(message), retry_after_ms};
}

Refusal too_large(int64_t tokens, int64_t limit, const char* window) {
  return over_limit(
      Reason::kTooLarge, std::nullopt,
      fmt::format("The request is too large for this key's limit of {} tokens a {}: its prompt and longest "
                  "answer are {}; send less, or ask for fewer output tokens.",
                  limit, window, tokens));
}

}  // namespace

Account::Account(const Stored& stored, int64_t now_ns)
    : minute_(MinuteWindow::of_bytes(stored.minute, now_ns)),
      day_end_ns_(stored.day_end_ns),
      day_tokens_(std::clamp<int64_t>(stored.day_tokens, 0, kMostCounted)),
      spent_(stored.spent) {
  // A clock that was set back between: the day goes on, but not for longer than a day from now.
  day_end_ns_ = std::min(day_end_ns_, now_ns + kNsPerDay);
}

Account::Stored Account::stored() const { return {minute_.bytes(), day_end_ns_, day_tokens_, spent_}; }

void Account::advance(int64_t now_ns) {
  minute_.advance(now_ns);
  if (now_ns < day_end_ns_) return;
  day_end_ns_ = next_midnight(now_ns);
  day_tokens_ = 0;
}

// How long an answer may be. As asked, or for a client that did not ask what the limits leave, so that one such request
// does not take all of them or run past them.
int64_t Account::output_bound(const Demand& demand, const Limits& limits, const Prices& prices) const {
  const int64_t asked = sane(demand.max_output_tokens);
  const bool is_limited = limits.tokens_per_minute || limits.tokens_per_day || limits.budget_micros;
  if (!demand.may_shorten_output || !is_limited) return asked;
  const int64_t prompt = sane(demand.prompt_tokens);
  int64_t left = std::min(asked, kUnnamedOutputTokens);
  if (limits.tokens_per_minute) left = std::min(left, *limits.tokens_per_minute - minute_.used().tokens - prompt);
  if (limits.tokens_per_day) left = std::min(left, *limits.tokens_per_day - day_tokens_ - reserved_tokens_ - prompt);
  if (limits.budget_micros) {
    const Money free = Money::of_micros(*limits.budget_micros) - spent_ - reserved_money_;
    left = std::min(left, (free - Money::of_tokens(prompt, prices.prompt)).tokens_at(prices.output));
  }
  return std::clamp<int64_t>(left, std::min<int64_t>(asked, 1), asked);  // less than one token is for refusal() to say
}

std::optional<Refusal> Account::refusal(const Grant& wanted, const Limits& limits, int64_t now_ns) const {
  if (const auto limit = limits.tokens_per_minute; limit && wanted.tokens > *limit)
    return too_large(wanted.tokens, *limit, "minute");
  if (const auto limit = limits.tokens_per_day; limit && wanted.tokens > *limit)
    return too_large(wanted.tokens, *limit, "day");
  if (const auto limit = limits.budget_micros) {
    const Money budget = Money::of_micros(*limit);
    if (spent_ + reserved_money_ + wanted.money > budget || (wanted.money == Money() && spent_ >= budget)) {
      const bool is_reserved_only = spent_ + wanted.money <= budget && spent_ < budget;
      return over_limit(
          Reason::kBudget, is_reserved_only ? std::optional(kSoonMs) : std::nullopt,
          fmt::format("This key's budget is {}: {} are spent, {} reserved by running requests, and this "
                      "request may cost {}.",
                      budget.to_string(), spent_.to_string(), reserved_money_.to_string(), wanted.money.to_string()));
    }
  }
  if (const auto limit = limits.tokens_per_day; limit && day_tokens_ + reserved_tokens_ + wanted.tokens > *limit) {
    const bool is_reserved_only = day_tokens_ + wanted.tokens <= *limit;
    return over_limit(Reason::kTokensPerDay, is_reserved_only ? kSoonMs : ms_of(day_end_ns_ - now_ns),
                      fmt::format("Rate limit reached: {} tokens a day; {} are used or reserved, {} were requested.",
                                  *limit, day_tokens_ + reserved_tokens_, wanted.tokens));
  }
  if (const auto limit = limits.requests_per_minute; limit && minute_.used().requests >= *limit)
    return over_limit(Reason::kRequestsPerMinute,
                      *limit > 0 ? std::optional(ms_of(minute_.wait_for_requests(1, *limit, now_ns))) : std::nullopt,
                      fmt::format("Rate limit reached: {} requests a minute.", *limit));
  if (const auto limit = limits.tokens_per_minute; limit && minute_.used().tokens + wanted.tokens > *limit)
    return over_limit(Reason::kTokensPerMinute, ms_of(minute_.wait_for_tokens(wanted.tokens, *limit, now_ns)),
                      fmt::format("Rate limit reached: {} tokens a minute; {} are used or reserved, {} were requested.",
                                  *limit, minute_.used().tokens, wanted.tokens));
  if (const auto limit = limits.concurrent_requests; limit && running_ >= *limit)
    return over_limit(Reason::kConcurrentRequests, *limit > 0 ? std::optional(kSoonMs) : std::nullopt,
                      fmt::format("Rate limit reached: {} requests at the same time.", *limit));
  return std::nullopt;
}

tl::expected<Grant, Refusal> Account::begin(const Demand& demand, const Limits& limits, const Prices& prices,
                                            int64_t now_ns) {
  advance(now_ns);
  Grant grant;
  grant.max_output_tokens = output_bound(demand, limits, prices);
  grant.tokens = sane(demand.prompt_tokens) + grant.max_output_tokens;
  // A prompt that turns out to be cached must not cost more than was reserved for it.
  grant.money = Money::of_tokens(sane(demand.prompt_tokens), std::max(prices.prompt, prices.cached)) +
                Money::of_tokens(grant.max_output_tokens, prices.output);
  if (auto refused = refusal(grant, limits, now_ns)) return tl::unexpected(std::move(*refused));
  grant.minute_slot = minute_.add(now_ns, {1, grant.tokens});
  ++running_;
  reserved_tokens_ += grant.tokens;
  reserved_money_ += grant.money;
  return grant;
}

void Account::take_back(const Grant& grant) {
  minute_.remove(grant.minute_slot, {1, grant.tokens});
  --running_;
  reserved_tokens_ -= grant.tokens;
  reserved_money_ -= grant.money;
}

void Account::settle(const Grant& grant, const Usage& usage, Money cost, int64_t now_ns) {
  advance(now_ns);
  const int64_t used = usage.tokens();
  --running_;
  reserved_tokens_ -= grant.tokens;
  reserved_money_ -= grant.money;
  if (used <= grant.tokens)
    minute_.change(grant.minute_slot, used - grant.tokens);
  else
    minute_.add(now_ns, {0, used - grant.tokens});
  day_tokens_ += used;
  spent_ += cost;
}

LimitState Account::state(const Limits& limits, int64_t now_ns) {
  advance(now_ns);
  LimitState state;
  const auto window = [](int64_t limit, int64_t used, int64_t wait_ns) {
    return LimitState::Window{limit, std::clamp<int64_t>(limit - used, 0, limit), ms_of(wait_ns)};
  };
  const int64_t minute_wait = minute_.wait_until_empty(now_ns);
  if (limits.requests_per_minute)
    state.requests = window(*limits.requests_per_minute, minute_.used().requests, minute_wait);
  if (limits.tokens_per_minute)
    state.tokens = window(*limits.tokens_per_minute, minute_.used().tokens, minute_wait);
  else if (limits.tokens_per_day)
    state.tokens = window(*limits.tokens_per_day, day_tokens_ + reserved_tokens_, day_end_ns_ - now_ns);
  return state;
}

}  // namespace paddock::server::auth
