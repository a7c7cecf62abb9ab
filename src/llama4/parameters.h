// SPDX-License-Identifier: Apache-2.0
#pragma once
// The parameters of a model as training holds them and adapters name them: float32 one after another, in the layout and
// under the names that Hugging Face's checkpoints give them. Weights, gradients and moments are four such blocks.

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/contracts/memory.h"
#include "llama4/config.h"
#include "tensor/shape.h"

namespace paddock::llama4 {

struct Parameter {
  std::string name;
  tensor::Shape shape;
  int64_t offset = 0;  // of its first number in a block, in floats
  int64_t count = 0;
  bool decays = false;  // matrices do, norms do not
};

inline constexpr size_t kNoParameter = SIZE_MAX;

// Indices into the list. What a layer does not have is kNoParameter.
struct MlpParameters {
  size_t gate = kNoParameter, up = kNoParameter, down = kNoParameter;  // [F, D], [F, D], [D, F]
};
struct LayerParameters {
  size_t attention_norm = kNoParameter, q = kNoParameter, k = kNoParameter, v = kNoParameter, o = kNoParameter;
  size_t feed_forward_norm = kNoParameter;
  MlpParameters mlp;                                                   // of dense layers, or the shared expert
  size_t router = kNoParameter;                                        // [E, D]
  size_t experts_gate_up = kNoParameter, experts_down = kNoParameter;  // [E, D, 2 F], [E, F, D]: inputs first
};

class ParameterList {
 public:
  // `prefix` stands before every name: "language_model." in checkpoints that have a vision part.
  static ParameterList of(const Config& config, const std::string& prefix = "");

  const std::vector<Parameter>& all() const { return all_; }
  const Parameter& operator[](size_t index) const { return all_[index]; }
  int64_t floats() const { return floats_; }  // of a block, padding between parameters included

  size_t embedding = kNoParameter, final_norm = kNoParameter, head = kNoParameter;  // head: the embedding where tied
  std::vector<LayerParameters> layers;

  // Where it lies in a block that begins at `base`: vectors as one row, matrices as they are.
  kernels::Address address(size_t index, kernels::Address base) const;

 private:
  size_t add(std::string name, tensor::Shape shape);
  MlpParameters add_mlp(const std::string& prefix, int64_t width, int64_t inner);

  std::vector<Parameter> all_;
  int64_t floats_ = 0;
};

}  // namespace paddock::llama4
