// SPDX-License-Identifier: Apache-2.0
#pragma once
// A checkpoint of the reference set in training, with everything that it needs to stay alive.

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "train/pass.h"
#include "train/workbench.h"

namespace paddock::test {

// The reference set: environment variable PADDOCK_REFERENCE, default ../shared/reference.
std::optional<std::filesystem::path> training_reference();

struct Floats {
  tensor::Shape shape;
  std::vector<float> values;
};
Floats floats_of(const checkpoint::Checkpoint& file, const std::string& name);
std::vector<int32_t> integers_of(const checkpoint::Checkpoint& file, const std::string& name);
std::unique_ptr<checkpoint::Checkpoint> open_file(const std::filesystem::path& path);

// max |got - want| / max |want|, the measure of the reference set. Of all zeros: max |got|.
double relative_difference(std::span<const float> got, std::span<const float> want);

struct Trained {
  std::unique_ptr<kernels::Machine> machine;
  std::unique_ptr<kernels::Trainer> trainer;
  std::unique_ptr<checkpoint::Checkpoint> checkpoint;
  std::unique_ptr<llama4::Model> model;
  std::unique_ptr<train::Workbench> bench;

  // Fails the test with the loader's sentence and gives null when something cannot be read.
  static std::unique_ptr<Trained> load(const std::filesystem::path& folder, const std::string& machine, int threads = 2,
                                       const std::filesystem::path& adapter = {}, bool rounded = false);

  train::PassResult run(const train::Batch& batch, const train::PassWishes& wishes, bool recompute = false,
                        const train::Pass::LogitsObserver& observer = {});
  std::vector<float> gradient(const train::TrainedTensor& tensor) const;
};

// Batch `index` of a file of [batches, rows, length] tensors, or the only one of [rows, length].
train::Batch batch_of(const checkpoint::Checkpoint& file, int64_t index = 0);

}  // namespace paddock::test
