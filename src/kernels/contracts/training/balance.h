// SPDX-License-Identifier: Apache-2.0
#pragma once
// The router's gradient: through the gates of the chosen, and through what keeps experts evenly used.

#include <cstdint>
#include <span>

#include "kernels/contracts/experts.h"
#include "kernels/contracts/memory.h"

namespace paddock::kernels {

// f_e = choices of e / (T K), a constant; P_e = mean over tokens of softmax(scores)_e:
//   balance = E sum_e f_e P_e, which is 1 when all are used alike                  (Fedus et al., arXiv 2101.03961)
//   z = mean over tokens of logsumexp(scores)^2                                    (Zoph et al., arXiv 2202.08906)
struct Balance {
  Rows scores_TE;
  std::span<const float> fractions;  // [E], f
};
struct BalanceTerms {
  double balance = 0, z = 0;
};

// dscore of a chosen expert: dgate g (1 - g); and of each:
//   balance_weight E / T softmax (f - f . softmax) + z_weight 2 / T logsumexp softmax
struct RouteBackward {
  Rows scores_TE;
  Routing routing;
  Address dgates_TK;
  std::span<const float> fractions;        // [E]
  float balance_weight = 0, z_weight = 0;  // d loss / d balance, d loss / d z
  Rows dscores_TE;                         // written
};

}  // namespace paddock::kernels
