// SPDX-License-Identifier: Apache-2.0
#include "engine/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"

namespace paddock::engine {
namespace {

// What is less likely beside the best is beyond the resolution of the random number.
constexpr float kLeastWeight = 0x1p-60f;

Result<void> in_range(const char* what, double value, double least, double most) {
  if (value >= least && value <= most) return {};
  return error(ErrorCode::kInvalidArgument, "{}: expected {} to {}, found {}", what, least, most, value);
}

}  // namespace

std::string_view name(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop: return "stop";
    case FinishReason::kLength: return "length";
    case FinishReason::kTimeout: return "timeout";
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

std::optional<Sampler::Choice> Sampler::sample(std::span<float> logits, TokenFilter* filter) {
  CHECK(!logits.empty());
  Choice choice{};
  double normaliser = 0;
  std::vector<std::pair<int32_t, float>> best;
  std::vector<float> untouched;
  if (parameters_.top_logprobs >= 0) {
    normaliser = likelihoods_.log_sum_exp(logits);
    for (const int32_t token : likelihoods_.most_likely(logits, parameters_.top_logprobs))
      best.emplace_back(token, static_cast<float>(logits[static_cast<size_t>(token)] - normaliser));
    untouched.assign(logits.begin(), logits.end());
  }

  apply_penalties(logits);
  if (filter != nullptr && !filter->restrict(logits)) return {};
  choice.token = likelihoods_.most_likely(logits);
  if (parameters_.temperature > 0) choice.token = draw(logits, choice.token);

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

int32_t Sampler::draw(std::span<const float> logits, int32_t best) {
  const kernels::Softening softening = {
      .maximum = logits[static_cast<size_t>(best)],
      .inverse_temperature = std::min(1 / parameters_.temperature, std::numeric_limits<float>::max()),
      .least = std::max(parameters_.min_p, kLeastWeight)};
  const auto vocabulary = static_cast<int64_t>(logits.size());
  const bool some = parameters_.top_k > 0 && parameters_.top_k < vocabulary;
  if (some)
    likelihoods_.weigh_most_likely(logits, parameters_.top_k, softening);
  else
    likelihoods_.weigh_all(logits, softening);
  if (parameters_.top_p < 1) likelihoods_.keep_nucleus(parameters_.top_p);
  return likelihoods_.at(uniform()).value_or(best);
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
