// SPDX-License-Identifier: Apache-2.0
#pragma once
// Low-rank updates of a model's matrices, as PEFT stores them: A and B of each, float32 in one block.

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "checkpoint/checkpoint.h"
#include "train/linear.h"
#include "train/parameters.h"

namespace paddock::train {

// How PEFT lays out the update of a tensor of experts [E, D, X], with r the rank:
//   kInputsFirst  from 0.19 on:   A [E r, X], row e r + j;  B [D, r E], column j E + e;  W_e += scale B_e A_e
//   kOutputsFirst up to 0.18:     A [E r, D], row e r + j;  B [X, r E], column j E + e;  W_e += scale (B_e A_e)^T
enum class ExpertLayout : uint8_t { kInputsFirst, kOutputsFirst };

// The update of one parameter: where its A and B lie in the block, in floats.
struct AdapterUpdate {
  int64_t a = 0, b = 0;
  int64_t rank = 0, experts = 0;  // experts 0: a matrix
  int64_t inputs = 0, outputs = 0;
  ExpertLayout layout = ExpertLayout::kInputsFirst;  // of experts
  float scale = 1;
};

struct AdapterTensor {
  std::string name;  // PEFT's key
  tensor::Shape shape;
  int64_t offset = 0, count = 0;  // in the block, in floats
};

class Adapter {
 public:
  // Of adapter_model.safetensors and adapter_config.json in `folder`. Every tensor of the file has to fit one of the
  // model's; an error names the one that does not. `values` becomes the block.
  static Result<Adapter> read(const std::filesystem::path& folder, const ParameterList& parameters,
                              std::vector<float>* values);

  const std::vector<AdapterTensor>& tensors() const { return tensors_; }
  int64_t floats() const { return floats_; }
  int64_t rank() const { return largest_rank_; }
  const std::map<size_t, AdapterUpdate>& updates() const { return updates_; }  // by parameter

  // Of a matrix, or of one expert of a tensor of experts. `gradients` null: not wanted.
  std::optional<LowRank> update(size_t parameter, int64_t expert, kernels::Address weights,
                                kernels::Address gradients) const;

 private:
  friend class AdapterReader;

  std::vector<AdapterTensor> tensors_;
  std::map<size_t, AdapterUpdate> updates_;  // by parameter
  int64_t floats_ = 0, largest_rank_ = 0;
};

}  // namespace paddock::train
