// SPDX-License-Identifier: Apache-2.0
#pragma once
// Takes tensors out of a checkpoint by name, each once, and knows at the end what nobody took.

#include <set>
#include <string>
#include <string_view>

#include "base/result.h"
#include "checkpoint/checkpoint.h"
#include "kernels/contracts/machine.h"
#include "llama4/weights.h"

namespace paddock::llama4 {

// Whether every token needs a tensor, or some need a part of it: a row of the embedding, an expert.
enum class UsedBy { kEveryToken, kSomeTokens };

class TensorTaker {
 public:
  TensorTaker(const checkpoint::Checkpoint& checkpoint, Quantization quantization, kernels::Machine* machine,
              WeightTotals* totals)
      : checkpoint_(checkpoint), quantization_(quantization), machine_(machine), totals_(totals) {}

  // A Linear layer's weight [outputs, inputs], with its row scales if it is stored in 8-bit floats.
  Result<kernels::Matrix> matrix(const std::string& name, int64_t outputs, int64_t inputs,
                                 UsedBy used_by = UsedBy::kEveryToken);

  // [experts, outputs, inputs], one matrix for each expert (GGUF).
  Result<std::vector<kernels::Matrix>> stacked(const std::string& name, int64_t experts, int64_t outputs,
                                               int64_t inputs);

  // [experts, inputs, outputs]: Llama 4's fused experts in safetensors, stored the other way round.
  Result<std::vector<kernels::Matrix>> stacked_input_major(const std::string& name, int64_t experts, int64_t inputs,
                                                           int64_t outputs);

  // [width], all finite.
  Result<kernels::NormWeight> norm(const std::string& name, int64_t width);

  // Marks a tensor as used by others than this; nothing happens when there is none.
  void take_unchecked(std::string_view name);

  bool has(std::string_view name) const { return checkpoint_.find(name) != nullptr; }

  // Fails if a tensor is left that nothing asked for, except those of parts that are not the text model.
  Result<void> finish();

 private:
  Result<const checkpoint::NamedTensor*> take(const std::string& name, const tensor::Shape& shape, UsedBy used_by);
  void count(const checkpoint::NamedTensor& tensor, UsedBy used_by);
  Result<kernels::Address> adopt(const checkpoint::NamedTensor& tensor);
  Result<void> attach_scales(const std::string& name, UsedBy used_by, kernels::Matrix* matrix);
  Result<void> require_finite(const checkpoint::NamedTensor& tensor) const;

  const checkpoint::Checkpoint& checkpoint_;
  Quantization quantization_;
  kernels::Machine* machine_;
  WeightTotals* totals_;
  std::set<std::string_view> taken_;
};

}  // namespace paddock::llama4
