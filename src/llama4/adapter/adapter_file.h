// SPDX-License-Identifier: Apache-2.0
#pragma once
// Low-rank updates of a model's matrices, as PEFT stores them: A and B of each, float32 in one block.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/digest.h"
#include "base/result.h"
#include "llama4/parameters.h"

namespace paddock::llama4 {

// How PEFT lays out the update of a tensor of experts [E, D, X], with r the rank:
//   kInputsFirst  from 0.19 on:   A [E r, X], row e r + j;  B [D, r E], column j E + e;  W_e += scale B_e A_e
//   kOutputsFirst up to 0.18:     A [E r, D], row e r + j;  B [X, r E], column j E + e;  W_e += scale (B_e A_e)^T
enum class ExpertLayout : uint8_t { kInputsFirst, kOutputsFirst };

struct AdapterTensor {
  std::string name;  // PEFT's key
  tensor::Shape shape;
  int64_t offset = 0, count = 0;  // in the block, in floats
};

// Of one parameter.
struct AdapterUpdate {
  int64_t a = 0, b = 0;           // offsets
  int64_t rank = 0, experts = 0;  // experts 0: a matrix, W += scale B A with A [r, inputs] and B [outputs, r]
  int64_t inputs = 0, outputs = 0;
  ExpertLayout layout = ExpertLayout::kInputsFirst;
  float scale = 1;
};

struct AdapterLimits {
  uint64_t file_bytes = uint64_t{1} << 40;
  uint64_t floats = uint64_t{1} << 40;  // of the block
  int64_t rank = INT64_MAX;
};

class AdapterFile {
 public:
  // Of adapter_model.safetensors and adapter_config.json in `folder`, which are read whole. Every tensor of the file
  // has to fit one of the model's, by the names of a text model or of one with a vision part, and its numbers are
  // finite; an error names the one that does not. `values` becomes the block.
  static Result<AdapterFile> read(const std::filesystem::path& folder, const ParameterList& parameters,
                                  std::vector<float>* values, const AdapterLimits& limits = {});

  // One that nothing is known of yet: tensors `module`.lora_A.weight and `module`.lora_B.weight get the next places of
  // the block. `update` says all but the offsets.
  void add(size_t parameter, const std::string& module, AdapterUpdate update);

  const std::vector<AdapterTensor>& tensors() const { return tensors_; }
  const std::map<size_t, AdapterUpdate>& updates() const { return updates_; }  // by parameter
  int64_t floats() const { return floats_; }                                   // of the block
  int64_t rank() const { return largest_rank_; }
  const Digest& digest() const { return digest_; }  // of both files

 private:
  friend class AdapterReader;

  std::vector<AdapterTensor> tensors_;
  std::map<size_t, AdapterUpdate> updates_;
  int64_t floats_ = 0, largest_rank_ = 0;
  Digest digest_{};
};

}  // namespace paddock::llama4
