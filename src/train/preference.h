// SPDX-License-Identifier: Apache-2.0
#pragma once
// Direct preference optimisation: answers that people chose become likelier than those that they rejected, beside what
// a reference model thinks of both                                                    (Rafailov et al., arXiv
// 2305.18290)

#include <cstdint>
#include <span>
#include <vector>

namespace paddock::train {

// Sums of log-probabilities over the tokens of an answer.
struct PreferencePair {
  double chosen = 0, rejected = 0;                      // by the model in training
  double reference_chosen = 0, reference_rejected = 0;  // by the reference
};

// margin = beta ((chosen - reference_chosen) - (rejected - reference_rejected));  loss = mean of -ln sigmoid(margin)
struct PreferenceLoss {
  double loss = 0;
  std::vector<double> margins;                 // of each pair
  std::vector<double> of_chosen, of_rejected;  // d loss / d log-probability of each pair's answers
};
PreferenceLoss preference_loss(std::span<const PreferencePair> pairs, double beta);

}  // namespace paddock::train
