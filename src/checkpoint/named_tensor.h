// SPDX-License-Identifier: Apache-2.0
#pragma once
// A tensor as a checkpoint knows it.

#include <cstdint>
#include <string>

#include "tensor/view.h"

namespace paddock::checkpoint {

struct NamedTensor {
  std::string name;
  tensor::TensorView view;  // points into the mapping, at any byte address; GGUF extents are turned outermost first
  uint32_t file = 0;        // index into Checkpoint::files()
};

}  // namespace paddock::checkpoint
