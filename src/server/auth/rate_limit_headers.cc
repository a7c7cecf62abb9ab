// SPDX-License-Identifier: Apache-2.0
#include "server/auth/rate_limit_headers.h"

#include <fmt/core.h>

#include "base/utc_time.h"

namespace paddock::server::auth {
namespace {

constexpr int64_t kNsPerMillisecond = 1'000'000;

void add_openai(HeaderFields* fields, const char* kind, const LimitState::Window& window) {
  fields->emplace_back(fmt::format("x-ratelimit-limit-{}", kind), std::to_string(window.limit));
  fields->emplace_back(fmt::format("x-ratelimit-remaining-{}", kind), std::to_string(window.remaining));
  fields->emplace_back(fmt::format("x-ratelimit-reset-{}", kind), short_duration(window.reset_ms));
}

void add_anthropic(HeaderFields* fields, const char* kind, const LimitState::Window& window, int64_t utc_now_ns) {
  const int64_t reset_ns = utc_now_ns + window.reset_ms * kNsPerMillisecond;
  const int64_t whole_second_ns = (reset_ns + kNsPerSecond - 1) / kNsPerSecond * kNsPerSecond;
  fields->emplace_back(fmt::format("anthropic-ratelimit-{}-limit", kind), std::to_string(window.limit));
  fields->emplace_back(fmt::format("anthropic-ratelimit-{}-remaining", kind), std::to_string(window.remaining));
  fields->emplace_back(fmt::format("anthropic-ratelimit-{}-reset", kind), format_utc(whole_second_ns));
}

}  // namespace

std::string short_duration(int64_t ms) {
  if (ms > 0 && ms < 1000) return fmt::format("{}ms", ms);
  const int64_t hours = ms / 3'600'000, minutes = ms / 60'000 % 60, rest = ms % 60'000;
  std::string text;
  if (hours > 0) text += fmt::format("{}h", hours);
  if (hours > 0 || minutes > 0) text += fmt::format("{}m", minutes);
  text += std::to_string(rest / 1000);
  if (rest % 1000 != 0) {
    std::string digits = fmt::format(".{:03}", rest % 1000);
    while (digits.back() == '0') digits.pop_back();
    text += digits;
  }
  return text + "s";
}

HeaderFields rate_limit_fields(Dialect dialect, const LimitState& state, int64_t utc_now_ns) {
  HeaderFields fields;
  const auto add = [&](const char* kind, const std::optional<LimitState::Window>& window) {
    if (!window) return;
    if (dialect == Dialect::kOpenAi)
      add_openai(&fields, kind, *window);
    else
      add_anthropic(&fields, kind, *window, utc_now_ns);
  };
  add("requests", state.requests);
  add("tokens", state.tokens);
  return fields;
}

HeaderFields retry_fields(const Refusal& refusal) {
  if (refusal.status != 429 && refusal.status != 503) return {};
  if (!refusal.retry_after_ms) return {{"x-should-retry", "false"}};
  return {{"retry-after", std::to_string((*refusal.retry_after_ms + 999) / 1000)},
          {"retry-after-ms", std::to_string(*refusal.retry_after_ms)}};
}

}  // namespace paddock::server::auth
