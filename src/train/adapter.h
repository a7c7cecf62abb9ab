// SPDX-License-Identifier: Apache-2.0
#pragma once
// An adapter in training: its updates as planes of a block of weights and one of gradients.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

#include "base/result.h"
#include "llama4/adapter/adapter_file.h"
#include "train/linear.h"
#include "train/parameters.h"

namespace paddock::train {

using llama4::AdapterTensor;
using llama4::AdapterUpdate;
using llama4::ExpertLayout;

class Adapter {
 public:
  explicit Adapter(llama4::AdapterFile file) : file_(std::move(file)) {}
  // As llama4::AdapterFile reads it.
  static Result<Adapter> read(const std::filesystem::path& folder, const ParameterList& parameters,
                              std::vector<float>* values) {
    return Adapter(TRY(llama4::AdapterFile::read(folder, parameters, values)));
  }

  const std::vector<AdapterTensor>& tensors() const { return file_.tensors(); }
  int64_t floats() const { return file_.floats(); }
  int64_t rank() const { return file_.rank(); }
  const std::map<size_t, AdapterUpdate>& updates() const { return file_.updates(); }  // by parameter

  // Of a matrix, or of one expert of a tensor of experts. `gradients` null: not wanted.
  std::optional<LowRank> update(size_t parameter, int64_t expert, kernels::Address weights,
                                kernels::Address gradients) const;

 private:
  llama4::AdapterFile file_;
};

}  // namespace paddock::train
