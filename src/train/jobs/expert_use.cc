// SPDX-License-Identifier: Apache-2.0
#include "train/jobs/expert_use.h"

#include <algorithm>
#include <numeric>

namespace paddock::train {
namespace {

double turn_of(const std::vector<int64_t>& tokens) {
  return static_cast<double>(std::accumulate(tokens.begin(), tokens.end(), int64_t{0})) /
         static_cast<double>(tokens.size());
}

}  // namespace

void ExpertUse::add(const std::vector<std::vector<int64_t>>& tokens_per_expert) {
  tokens_.resize(std::max(tokens_.size(), tokens_per_expert.size()));
  for (size_t layer = 0; layer < tokens_per_expert.size(); ++layer) {
    tokens_[layer].resize(tokens_per_expert[layer].size());
    for (size_t expert = 0; expert < tokens_[layer].size(); ++expert)
      tokens_[layer][expert] += tokens_per_expert[layer][expert];
  }
}

std::vector<StarvingExpert> ExpertUse::starving(double least) const {
  std::vector<StarvingExpert> found;
  for (size_t layer = 0; layer < tokens_.size(); ++layer) {
    if (tokens_[layer].empty() || turn_of(tokens_[layer]) == 0) continue;
    for (size_t expert = 0; expert < tokens_[layer].size(); ++expert)
      if (const double share = static_cast<double>(tokens_[layer][expert]) / turn_of(tokens_[layer]); share < least)
        found.push_back({layer, expert, share});
  }
  return found;
}

double ExpertUse::worst_imbalance() const {
  double worst = 0;
  for (const std::vector<int64_t>& tokens : tokens_)
    if (!tokens.empty() && turn_of(tokens) > 0)
      worst = std::max(worst, static_cast<double>(std::ranges::max(tokens)) / turn_of(tokens));
  return worst;
}

}  // namespace paddock::train
