// SPDX-License-Identifier: Apache-2.0
#pragma once
// A tensor on its way to a file.

#include <string_view>

#include "tensor/view.h"

namespace paddock::checkpoint {

struct TensorToWrite {
  std::string_view name;
  tensor::TensorView view;
};

}  // namespace paddock::checkpoint
