// SPDX-License-Identifier: Apache-2.0
#pragma once
// Takes the tower's tensors out of a checkpoint by name, each once, every number finite.

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "checkpoint/checkpoint.h"
#include "llama4/vision/weights.h"

namespace paddock::llama4 {

class VisionTensors {
 public:
  // `machine` null: headers alone.
  VisionTensors(const checkpoint::Checkpoint& checkpoint, kernels::Machine* machine)
      : checkpoint_(checkpoint), machine_(machine) {}

  // [outputs, inputs], or any other shape of as many numbers in the same order that is among `or_shapes`.
  Result<kernels::Matrix> matrix(const std::string& name, int64_t outputs, int64_t inputs,
                                 const std::vector<tensor::Shape>& or_shapes = {});
  Result<kernels::NormWeight> vector(const std::string& name, int64_t width);
  // The numbers themselves; nothing without a machine.
  Result<std::vector<float>> values(const std::string& name, const tensor::Shape& shape);

  // Fails if a tensor with one of these prefixes is left that nothing asked for.
  Result<void> finish(const std::vector<std::string_view>& prefixes) const;

  bool has(std::string_view name) const { return checkpoint_.find(name) != nullptr; }
  const VisionTotals& totals() const { return totals_; }

 private:
  Result<const checkpoint::NamedTensor*> take(const std::string& name, const std::vector<tensor::Shape>& shapes);
  Result<void> require_finite(const checkpoint::NamedTensor& tensor) const;
  Result<kernels::Address> adopt(const checkpoint::NamedTensor& tensor);

  const checkpoint::Checkpoint& checkpoint_;
  kernels::Machine* machine_;
  VisionTotals totals_;
  std::set<std::string_view> taken_;
};

}  // namespace paddock::llama4
