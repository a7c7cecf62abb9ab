// SPDX-License-Identifier: Apache-2.0
#pragma once
// How evenly experts are used over a stretch of steps.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace paddock::train {

struct StarvingExpert {
  size_t layer = 0, expert = 0;
  double share = 0;  // of what it would get by turns
};

class ExpertUse {
 public:
  void add(const std::vector<std::vector<int64_t>>& tokens_per_expert);  // [L][E]
  void clear() { tokens_.clear(); }

  // Below `least` of what turns would give.
  std::vector<StarvingExpert> starving(double least) const;
  // 1 where all are used alike, the number of experts where one has everything: of the layer that is worst.
  double worst_imbalance() const;

 private:
  std::vector<std::vector<int64_t>> tokens_;
};

}  // namespace paddock::train
