// SPDX-License-Identifier: Apache-2.0
#pragma once
// Extents of a tensor, outermost first: the last extent is contiguous in memory, as in safetensors and numpy.

#include <fmt/core.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace paddock::tensor {

using Shape = std::vector<int64_t>;

// "[4, 96, 64]"
inline std::string to_string(std::span<const int64_t> shape) {
  std::string text = "[";
  for (size_t axis = 0; axis < shape.size(); ++axis) text += fmt::format("{}{}", axis == 0 ? "" : ", ", shape[axis]);
  return text + "]";
}

// The number of values; the extents have been checked not to overflow when the file was opened.
inline int64_t count(std::span<const int64_t> shape) {
  int64_t product = 1;
  for (const int64_t extent : shape) product *= extent;
  return product;
}

}  // namespace paddock::tensor
