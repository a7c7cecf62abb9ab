// SPDX-License-Identifier: Apache-2.0
#include "engine/likelihoods.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>

namespace paddock::engine {
namespace {

using kernels::kLikelihoodBlock;
using kernels::kLikelihoodLanes;

int64_t size_of(const auto& list) { return static_cast<int64_t>(list.size()); }

}  // namespace

// Fills maxima_; returns the largest of them.
float Likelihoods::find_lane_maxima(std::span<const float> logits) {
  maxima_.resize(static_cast<size_t>(kernels::likelihood_blocks(size_of(logits)) * kLikelihoodLanes));
  kernels_->lane_maxima(logits.data(), size_of(logits), maxima_.data());
  return *std::max_element(maxima_.begin(), maxima_.end());
}

int32_t Likelihoods::most_likely(std::span<const float> logits) {
  const float maximum = find_lane_maxima(logits);
  if (maximum == -std::numeric_limits<float>::infinity()) return 0;
  const auto lane = std::find(maxima_.begin(), maxima_.end(), maximum) - maxima_.begin();
  const auto block = logits.begin() + lane / kLikelihoodLanes * kLikelihoodBlock;
  return static_cast<int32_t>(std::find(block, logits.end(), maximum) - logits.begin());
}

// Fills places_ with the `count` most likely, in no order. Numbers of lanes that reach t are at least as many numbers
// that do: the count-th largest of the lanes bounds the count-th largest of all.
void Likelihoods::find_most_likely(std::span<const float> logits, int32_t count) {
  find_lane_maxima(logits);
  const auto wanted = std::min<int64_t>(count, size_of(logits));
  float least = -std::numeric_limits<float>::infinity();
  if (wanted <= size_of(maxima_) / 2) {
    std::ranges::nth_element(maxima_, maxima_.begin() + std::max<int64_t>(wanted - 1, 0), std::greater());
    least = maxima_[static_cast<size_t>(std::max<int64_t>(wanted - 1, 0))];
  }
  places_.resize(logits.size());
  places_.resize(static_cast<size_t>(kernels_->find(logits.data(), size_of(logits), least, places_.data())));
  const auto more_likely = [&](int32_t a, int32_t b) {
    const float logit_a = logits[static_cast<size_t>(a)], logit_b = logits[static_cast<size_t>(b)];
    return logit_a > logit_b || (logit_a == logit_b && a < b);
  };
  if (wanted < size_of(places_)) {
    std::nth_element(places_.begin(), places_.begin() + wanted, places_.end(), more_likely);
    places_.resize(static_cast<size_t>(wanted));
  }
}

std::vector<int32_t> Likelihoods::most_likely(std::span<const float> logits, int32_t count) {
  find_most_likely(logits, count);
  std::ranges::sort(places_, [&](int32_t a, int32_t b) {
    const float logit_a = logits[static_cast<size_t>(a)], logit_b = logits[static_cast<size_t>(b)];
    return logit_a > logit_b || (logit_a == logit_b && a < b);
  });
  return places_;
}

double Likelihoods::log_sum_exp(std::span<const float> logits) {
  const float maximum = logits[static_cast<size_t>(most_likely(logits))];
  if (!std::isfinite(maximum)) return maximum;
  weigh_all(logits, {.maximum = maximum});
  return maximum + std::log(sum(0));
}

Likelihoods::LogSums Likelihoods::log_sums(std::span<const float> logits, std::span<const int32_t> tokens) {
  const float maximum = logits[static_cast<size_t>(most_likely(logits))];
  if (!std::isfinite(maximum)) return {maximum, maximum};
  weigh_all(logits, {.maximum = maximum});
  double of_tokens = 0;
  for (const int32_t token : tokens) {
    float& weight = weights_[static_cast<size_t>(token)];
    of_tokens += weight;
    weight = 0;
  }
  const double of_others = sum(0);
  return {maximum + std::log(of_tokens + of_others), maximum + std::log(of_others)};
}

void Likelihoods::weigh_all(std::span<const float> logits, const kernels::Softening& softening) {
  all_ = true;
  weights_.resize(logits.size());
  kernels_->weigh(logits.data(), size_of(logits), softening, weights_.data());
}

void Likelihoods::weigh_most_likely(std::span<const float> logits, int32_t count, const kernels::Softening& softening) {
  find_most_likely(logits, count);
  all_ = false;
  tokens_ = places_;
  std::ranges::sort(tokens_);
  weights_.resize(tokens_.size());
  for (size_t index = 0; index < tokens_.size(); ++index) weights_[index] = logits[static_cast<size_t>(tokens_[index])];
  kernels_->weigh(weights_.data(), size_of(weights_), softening, weights_.data());
}

// Of weights of at least `least`.
double Likelihoods::sum(float least) {
  sums_.resize(static_cast<size_t>(kernels::likelihood_blocks(size_of(weights_))));
  kernels_->block_sums(weights_.data(), size_of(weights_), least, sums_.data());
  double total = 0;
  for (const float part : sums_) total += part;
  return total;
}

// Drops what weighs less.
void Likelihoods::keep(float least) {
  places_.resize(weights_.size());
  places_.resize(static_cast<size_t>(kernels_->find(weights_.data(), size_of(weights_), least, places_.data())));
  for (size_t index = 0; index < places_.size(); ++index)
    weights_[index] = weights_[static_cast<size_t>(places_[index])];
  weights_.resize(places_.size());
  if (all_)
    tokens_ = places_;
  else
    for (size_t index = 0; index < places_.size(); ++index)
      tokens_[index] = tokens_[static_cast<size_t>(places_[index])];
  tokens_.resize(places_.size());
  all_ = false;
}

void Likelihoods::keep_nucleus(double share) {
  const double total = sum(0), wanted = share * total;
  if (!(total > 0) || weights_.empty()) return;
  // All that weigh less than this weigh together less than what may be missing.
  keep(static_cast<float>(0.999 * (total - wanted) / static_cast<double>(weights_.size())));
  // The largest weight so that it and what is heavier reaches what is wanted. Weights are positive and at most 1: their
  // bits are in their order.
  uint32_t reaches = 0, fails = std::bit_cast<uint32_t>(1.0f) + 1;
  while (fails - reaches > 1) {
    const uint32_t middle = reaches + (fails - reaches) / 2;
    (sum(std::bit_cast<float>(middle)) >= wanted ? reaches : fails) = middle;
  }
  const float least = std::bit_cast<float>(reaches);
  keep(least);
  // Of those that weigh just so much, the first are enough.
  double reached = sum(std::bit_cast<float>(fails));
  bool enough = fails <= std::bit_cast<uint32_t>(1.0f) && reached >= wanted;
  for (float& weight : weights_) {
    if (weight != least) continue;
    if (enough) weight = 0;
    reached += weight;
    enough = reached >= wanted;
  }
}

std::optional<int32_t> Likelihoods::at(double share) {
  double left = share * sum(0);
  int64_t block = 0;
  while (block + 1 < size_of(sums_) && left >= sums_[static_cast<size_t>(block)])
    left -= sums_[static_cast<size_t>(block++)];
  const auto token = [&](int64_t index) {
    return all_ ? static_cast<int32_t>(index) : tokens_[static_cast<size_t>(index)];
  };
  const int64_t end = std::min((block + 1) * kLikelihoodBlock, size_of(weights_));
  for (int64_t index = block * kLikelihoodBlock; index < end; ++index)
    if ((left -= weights_[static_cast<size_t>(index)]) < 0) return token(index);
  // The sums of blocks round otherwise: the last that may be drawn.
  for (int64_t index = end; index-- > 0;)
    if (weights_[static_cast<size_t>(index)] > 0) return token(index);
  return std::nullopt;
}

}  // namespace paddock::engine
