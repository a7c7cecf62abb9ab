// SPDX-License-Identifier: Apache-2.0
#pragma once
// A tensor on its way to a file.

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tensor/view.h"

namespace paddock::checkpoint {

struct TensorToWrite {
  std::string_view name;
  tensor::TensorView view;
};

// A tensor whose bytes are made while the file is written, so that no more of them need be in memory at once.
struct PlannedTensor {
  std::string name;
  tensor::DType dtype = tensor::DType::kF32;
  tensor::Shape shape;
};

// Takes a tensor's bytes in their order, in pieces of any size.
using TakeBytes = std::function<Result<void>(std::span<const std::byte>)>;
// Makes the bytes of tensor `index` of a plan: as many as its type and shape say. Tensors are asked for once each, in
// the order of the file.
using MakeBytes = std::function<Result<void>(size_t index, const TakeBytes& take)>;

// The same for tensors that are in memory.
inline std::vector<PlannedTensor> plan_of(std::span<const TensorToWrite> tensors) {
  std::vector<PlannedTensor> plan;
  for (const TensorToWrite& tensor : tensors)
    plan.push_back({std::string(tensor.name), tensor.view.dtype, tensor.view.shape});
  return plan;
}

}  // namespace paddock::checkpoint
