// SPDX-License-Identifier: Apache-2.0
#pragma once
// A text as tokens, with what of it is to be learned.

#include <cstdint>
#include <vector>

namespace paddock::train {

struct Document {
  std::vector<int32_t> tokens;
  std::vector<uint8_t> is_trained;  // by token: 1 where the model should come to say it
};

}  // namespace paddock::train
