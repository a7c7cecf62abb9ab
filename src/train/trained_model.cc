// SPDX-License-Identifier: Apache-2.0
#include "train/trained_model.h"

#include "base/check.h"

namespace paddock::train {
namespace {

using kernels::Plane;

Plane matrix_at(kernels::Address address, const tensor::Shape& shape) {
  CHECK(shape.size() == 2);
  return address.is_null() ? Plane() : Plane::of(address, shape[0], shape[1]).transposed();
}

Plane expert_at(kernels::Address address, const tensor::Shape& shape, int64_t expert) {
  CHECK(shape.size() == 3 && expert < shape[0]);
  if (address.is_null()) return {};
  return Plane::of(address.plus(static_cast<size_t>(expert * shape[1] * shape[2]) * sizeof(float)), shape[1], shape[2]);
}

}  // namespace

Weight TrainedModel::weight(size_t index) const {
  const tensor::Shape& shape = (*parameters)[index].shape;
  Weight weight{matrix_at(weight_address(index), shape), matrix_at(gradient_address(index), shape), {}};
  if (adapter != nullptr) weight.update = adapter->update(index, 0, adapter_weights, adapter_gradients);
  return weight;
}

Weight TrainedModel::weight(size_t index, int64_t expert) const {
  const tensor::Shape& shape = (*parameters)[index].shape;
  Weight weight{expert_at(weight_address(index), shape, expert), expert_at(gradient_address(index), shape, expert), {}};
  if (adapter != nullptr) weight.update = adapter->update(index, expert, adapter_weights, adapter_gradients);
  return weight;
}

}  // namespace paddock::train
