// SPDX-License-Identifier: Apache-2.0
#pragma once
// Adapters with random numbers for any model, and the models that they make of it: the updates added to the weights, by
// the formulas of PEFT, in double precision.

#include <deque>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "llama4/adapter/adapter.h"
#include "tests/support/golden.h"

namespace paddock::test {

struct AdapterRecipe {
  uint32_t seed = 1;
  int64_t rank = 3;
  float deviation = 0.1f;      // of A and B
  bool outputs_first = false;  // experts as PEFT wrote them up to 0.18
  bool with_head = true;       // where it is not the embedding
  bool with_router = false;    // which no server takes
};

// Of every projection, network and expert. The folder is made.
void write_random_adapter(const llama4::Config& config, const std::filesystem::path& folder,
                          const AdapterRecipe& recipe = {});

// Fails the test with the loader's sentence. Room without end.
std::shared_ptr<const llama4::Adapter> load_adapter(const LoadedModel& loaded, const std::filesystem::path& folder);

// In float32; the loaded model and the object live as long as `model` is used.
struct MergedModel {
  llama4::Model model;
  std::deque<std::vector<float>> weights;
};
std::unique_ptr<MergedModel> merge(const LoadedModel& loaded, const std::filesystem::path& adapter);

}  // namespace paddock::test
