// SPDX-License-Identifier: Apache-2.0
#pragma once
// A model in training with everything that it owns: blocks of weights and gradients, an adapter's where there is one.

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "llama4/model.h"
#include "train/adapter.h"
#include "train/frozen_weights.h"
#include "train/new_adapter.h"
#include "train/trained_model.h"

namespace paddock::train {

struct WorkbenchWishes {
  std::string prefix;                     // before the parameters' names
  std::filesystem::path adapter;          // a folder; its updates are trained and the weights are frozen
  std::optional<NewAdapter> new_adapter;  // the same, of updates that do nothing yet
  bool rounded = false;                   // products of bfloat16
  int threads = 0;                        // that unpack frozen weights
};

// A tensor of the block that is trained.
struct TrainedTensor {
  std::string name;
  tensor::Shape shape;
  int64_t offset = 0, count = 0;
  bool decays = false;
};

class Workbench {
 public:
  // The model's machine and the trainer outlive it. The model itself is read and needed no more, or outlives it too
  // where an adapter is trained: frozen weights stay where they are.
  static Result<std::unique_ptr<Workbench>> create(const llama4::Model& model, kernels::Trainer* trainer,
                                                   const WorkbenchWishes& wishes);
  // A model that knows nothing yet.
  static Result<std::unique_ptr<Workbench>> create(const llama4::Config& config, kernels::Machine* machine,
                                                   kernels::Trainer* trainer, uint64_t seed, double deviation,
                                                   bool rounded = false);
  // Of weights and gradients, those of an adapter aside.
  static size_t bytes(const ParameterList& parameters, bool frozen);

  const TrainedModel& model() const { return trained_; }
  const ParameterList& parameters() const { return parameters_; }
  const std::optional<Adapter>& adapter() const { return adapter_; }

  // What is trained: the weights, or the adapter.
  std::vector<TrainedTensor> tensors() const;
  int64_t floats() const { return adapter_ ? adapter_->floats() : parameters_.floats(); }
  kernels::Address trained_weights() const { return adapter_ ? adapter_weights_.address() : weights_.address(); }
  kernels::Address gradients() const { return gradients_.address(); }

  std::vector<float> read(kernels::Address address, int64_t count) const;
  void clear_gradients() const;

 private:
  Workbench() = default;
  Result<void> train_weights(std::span<const float> block);
  Result<void> train_adapter(const llama4::Model& model, const WorkbenchWishes& wishes);

  llama4::Config config_;
  ParameterList parameters_;
  std::optional<Adapter> adapter_;
  std::optional<FrozenWeights> frozen_;
  kernels::Buffer weights_, adapter_weights_, gradients_;
  TrainedModel trained_;
};

}  // namespace paddock::train
