// SPDX-License-Identifier: Apache-2.0
#include "engine/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"

namespace paddock::engine {
namespace {

// A logit that is not a number (from broken weights) can never be chosen.
float usable(float logit) { return std::isnan(logit) ? -std::numeric_limits<float>::infinity() : logit; }

int32_t most_likely(std::span<const float> logits) {
  size_t best = 0;
  for (size_t token = 1; token < logits.size(); ++token)
    if (usable(logits[token]) > usable(logits[best])) best = token;
  return static_cast<int32_t>(best);
}

// ln of the sum of exp(logits).
double log_sum_exp(std::span<const float> logits) {
  const double maximum = usable(logits[static_cast<size_t>(most_likely(logits))]);
  if (!std::isfinite(maximum)) return maximum;
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(usable(logit)) - maximum);
  return maximum + std::log(sum);
}

std::vector<std::pair<int32_t, float>> best_tokens(std::span<const float> logits, double normaliser, int32_t count) {
  std::vector<int32_t> order(logits.size());
  for (size_t token = 0; token < order.size(); ++token) order[token] = static_cast<int32_t>(token);
  const auto wanted = std::min<ptrdiff_t>(count, static_cast<ptrdiff_t>(order.size()));
  std::partial_sort(order.begin(), order.begin() + wanted, order.end(), [&](int32_t a, int32_t b) {
    const float logit_a = usable(logits[static_cast<size_t>(a)]), logit_b = usable(logits[static_cast<size_t>(b)]);
    return logit_a > logit_b || (logit_a == logit_b && a < b);
  });
  std::vector<std::pair<int32_t, float>> best;
  for (ptrdiff_t rank = 0; rank < wanted; ++rank) {
    const int32_t token = order[static_cast<size_t>(rank)];
    best.emplace_back(token, static_cast<float>(logits[static_cast<size_t>(token)] - normaliser));
  }
  return best;
}

Result<void> in_range(const char* what, double value, double least, double most) {
  if (value >= least && value <= most) return {};
  return error(ErrorCode::kInvalidArgument, "{}: expected {} to {}, found {}", what, least, most, value);
}

}  // namespace

std::string_view name(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop: return "stop";
    case FinishReason::kLength: return "length";
    case FinishReason::kError: return "error";
    case FinishReason::kCancelled: break;
  }
  return "cancelled";
}

Result<void> check_sampling(const SamplingParameters& parameters, int64_t vocabulary) {
  TRY_VOID(in_range("temperature", parameters.temperature, 0, 100));
  TRY_VOID(in_range("top_k", parameters.top_k, 0, INT32_MAX));
  TRY_VOID(in_range("top_p", parameters.top_p, 0, 1));
  TRY_VOID(in_range("min_p", parameters.min_p, 0, 1));
  TRY_VOID(in_range("repetition_penalty", parameters.repetition_penalty, 0.01, 100));
  TRY_VOID(in_range("presence_penalty", parameters.presence_penalty, -100, 100));
  TRY_VOID(in_range("frequency_penalty", parameters.frequency_penalty, -100, 100));
  TRY_VOID(in_range("top_logprobs", parameters.top_logprobs, -1, static_cast<double>(vocabulary)));
  for (const auto& [token, bias] : parameters.logit_bias) {
    if (token < 0 || token >= vocabulary)
      return error(ErrorCode::kInvalidArgument, "logit_bias: expected token ids below {}, found {}", vocabulary, token);
    if (std::isnan(bias) || bias == std::numeric_limits<float>::infinity())
      return error(ErrorCode::kInvalidArgument, "logit_bias of token {}: expected a number below infinity, found {}",
                   token, bias);
  }
  return {};
}

Sampler::Sampler(const SamplingParameters& parameters, std::span<const int32_t> prompt)
    : parameters_(parameters), random_state_(parameters.seed) {
  if (parameters_.repetition_penalty != 1)
    for (const int32_t token : prompt) ++seen_[token];
}

Sampler::Choice Sampler::sample(std::span<float> logits) {
  CHECK(!logits.empty());
  Choice choice{};
  double normaliser = 0;
  std::vector<std::pair<int32_t, float>> best;
  std::vector<float> untouched;
  if (parameters_.top_logprobs >= 0) {
    normaliser = log_sum_exp(logits);
    best = best_tokens(logits, normaliser, parameters_.top_logprobs);
    untouched.assign(logits.begin(), logits.end());
  }

  apply_penalties(logits);
  if (parameters_.temperature == 0) {
    choice.token = most_likely(logits);
  } else {
    const std::span<const Candidate> candidates = shortlist(logits);
    double total = 0;
    for (const Candidate& candidate : candidates)
      total += std::exp(static_cast<double>(candidate.logit) - candidates[0].logit);
    double left = uniform() * total;
    choice.token = candidates.back().token;
    for (const Candidate& candidate : candidates) {
      left -= std::exp(static_cast<double>(candidate.logit) - candidates[0].logit);
      if (left < 0) {
        choice.token = candidate.token;
        break;
      }
    }
  }

  if (parameters_.top_logprobs >= 0)
    choice.logprobs = LogProbabilities{static_cast<float>(untouched[static_cast<size_t>(choice.token)] - normaliser),
                                       std::move(best)};
  ++said_[choice.token];
  if (parameters_.repetition_penalty != 1) ++seen_[choice.token];
  return choice;
}

void Sampler::apply_penalties(std::span<float> logits) const {
  const auto logit_of = [&](int32_t token) -> float& { return logits[static_cast<size_t>(token)]; };
  for (const auto& [token, times] : seen_) {
    float& logit = logit_of(token);
    logit = logit > 0 ? logit / parameters_.repetition_penalty : logit * parameters_.repetition_penalty;
  }
  if (parameters_.presence_penalty != 0 || parameters_.frequency_penalty != 0)
    for (const auto& [token, times] : said_)
      logit_of(token) -= parameters_.presence_penalty + parameters_.frequency_penalty * static_cast<float>(times);
  for (const auto& [token, bias] : parameters_.logit_bias) logit_of(token) += bias;
}

// The tokens that may be drawn, most likely first where an order is needed, with logits divided by the temperature. The
// first is always the most likely.
std::span<const Sampler::Candidate> Sampler::shortlist(std::span<const float> logits) {
  const auto more_likely = [](const Candidate& a, const Candidate& b) {
    return a.logit > b.logit || (a.logit == b.logit && a.token < b.token);
  };
  const int32_t best = most_likely(logits);
  const float maximum = usable(logits[static_cast<size_t>(best)]) / parameters_.temperature;
  // What lies this far below the best has less than 2^-60 of its probability: beyond the resolution of the random
  // number.
  float least = maximum - 42.0f;
  if (parameters_.min_p > 0) least = std::max(least, maximum + std::log(parameters_.min_p));

  candidates_.clear();
  candidates_.push_back({maximum, best});
  for (size_t token = 0; token < logits.size(); ++token) {
    const float logit = usable(logits[token]) / parameters_.temperature;
    if (logit >= least && static_cast<int32_t>(token) != best)
      candidates_.push_back({logit, static_cast<int32_t>(token)});
  }
  if (parameters_.top_k > 0 && static_cast<size_t>(parameters_.top_k) < candidates_.size()) {
    std::partial_sort(candidates_.begin(), candidates_.begin() + parameters_.top_k, candidates_.end(), more_likely);
    candidates_.resize(static_cast<size_t>(parameters_.top_k));
  }
  if (parameters_.top_p < 1) {
    std::sort(candidates_.begin(), candidates_.end(), more_likely);
    double total = 0;
    for (const Candidate& candidate : candidates_) total += std::exp(static_cast<double>(candidate.logit) - maximum);
    double reached = 0;
    size_t kept = 0;
    while (kept < candidates_.size() && (kept == 0 || reached < parameters_.top_p * total))
      reached += std::exp(static_cast<double>(candidates_[kept++].logit) - maximum);
    candidates_.resize(kept);
  }
  return candidates_;
}

// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): a stream for each seed, 53 bits for each number in [0, 1).
double Sampler::uniform() {
  random_state_ += 0x9E3779B97F4A7C15u;
  uint64_t mixed = random_state_;
  mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9u;
  mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EBu;
  mixed ^= mixed >> 31;
  return static_cast<double>(mixed >> 11) * 0x1p-53;
}

}  // namespace paddock::engine
