// SPDX-License-Identifier: Apache-2.0
#pragma once
// Low-rank updates before any training: they do nothing.

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "train/adapter.h"

namespace paddock::train {

struct NewAdapter {
  int64_t rank = 16;
  double alpha = 32;
  // "attention", "mlp" (with shared experts), "experts" (routed ones, which PEFT calls target_parameters), "head", or
  // one kind of matrix: "q", "k", "v", "o", "gate", "up", "down".
  std::vector<std::string> targets;
  uint64_t seed = 0;
};

// In PEFT's names and layout. A is drawn from a uniform distribution as wide as that of a Linear layer's weights, B is
// zero                                                                               (Hu et al., arXiv 2106.09685)
Result<Adapter> new_adapter(const ParameterList& parameters, const NewAdapter& wishes, std::vector<float>* values);

}  // namespace paddock::train
