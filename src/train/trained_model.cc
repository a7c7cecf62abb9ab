// SPDX-License-Identifier: Apache-2.0
#include "train/trained_model.h"

namespace paddock::train {

Weight TrainedModel::weight(size_t index) const {
  Weight weight{parameters->plane(index, weights).transposed(), {}, {}};
  if (!gradients.is_null()) weight.dw = parameters->plane(index, gradients).transposed();
  if (adapter != nullptr) weight.update = adapter->update(index, 0, adapter_weights, adapter_gradients);
  return weight;
}

Weight TrainedModel::weight(size_t index, int64_t expert) const {
  Weight weight{parameters->plane(index, expert, weights), {}, {}};
  if (!gradients.is_null()) weight.dw = parameters->plane(index, expert, gradients);
  if (adapter != nullptr) weight.update = adapter->update(index, expert, adapter_weights, adapter_gradients);
  return weight;
}

}  // namespace paddock::train
