// SPDX-License-Identifier: Apache-2.0
#include "train/trust.h"

#include <algorithm>
#include <cmath>

namespace paddock::train {

double doubt(const TrustRule& rule, double progress) {
  const double u = std::clamp(progress, 0.0, 1.0);
  return rule.first + (static_cast<double>(rule.last) - rule.first) * u * u;
}

std::vector<float> teacher_shares(const TrustRule& rule, double progress, std::span<const float> following) {
  const double w = doubt(rule, progress), unknown = w * rule.background;
  std::vector<float> shares(following.size());
  for (size_t token = 0; token < following.size(); ++token) {
    const double known = (1 - w) * std::exp(static_cast<double>(following[token]));
    // Neither is possible: w is 0 and the teacher excludes the token. Without doubt he stays right.
    shares[token] = static_cast<float>(unknown + known > 0 ? known / (unknown + known) : 1);
  }
  return shares;
}

}  // namespace paddock::train
