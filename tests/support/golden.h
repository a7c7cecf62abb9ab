// SPDX-License-Identifier: Apache-2.0
#pragma once
// Small checkpoints with random weights, and what Hugging Face's implementation computes from them in float32.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "engine/engine.h"
#include "kernels/contracts/machine.h"
#include "llama4/model.h"

namespace paddock::test {

// Tolerance on logits for float32 arithmetic.
inline constexpr float kFloatTolerance = 2e-4f;

// A folder of tests/data, or of the larger reference set (environment variable PADDOCK_REFERENCE, default
// ../shared/reference).
std::filesystem::path data_folder();
std::optional<std::filesystem::path> reference_folder();

// A model that is ready to run, with everything that it needs to stay alive.
struct LoadedModel {
  std::unique_ptr<kernels::Machine> machine;
  std::unique_ptr<checkpoint::Checkpoint> checkpoint;
  llama4::Model model;
  llama4::WeightTotals totals;
};
// The machine that the environment names: every model test runs under it, so that ctest can repeat them for each.
std::unique_ptr<kernels::Machine> chosen_machine(bool exact, int threads = 2);
// Fails the test with the loader's sentence when loading fails. `machine` null: the one that PADDOCK_MACHINE names.
std::unique_ptr<LoadedModel> load(const std::filesystem::path& path,
                                  std::unique_ptr<kernels::Machine> machine = nullptr);

// Room for `sequences` of up to `context` tokens, `piece` tokens a step.
llama4::MemoryPlan plan_for(const LoadedModel& loaded, int64_t context, int64_t sequences, int64_t piece,
                            const tensor::KvFormat& cache = tensor::DType::kF32, int64_t page_positions = 16);

// One tensor of a golden file.
struct FloatTensor {
  tensor::Shape shape;
  std::vector<float> values;
  std::span<const float> row(int64_t index) const {
    const auto width = static_cast<size_t>(shape.back());
    return std::span(values).subspan(static_cast<size_t>(index) * width, width);
  }
};
FloatTensor floats(const checkpoint::Checkpoint& golden, const std::string& name);
std::vector<int32_t> integers(const checkpoint::Checkpoint& golden, const std::string& name);

// Greedy continuations; each prompt with its answer and the smallest gap between the two best logits on the way.
struct Continuation {
  std::vector<int32_t> prompt;
  std::vector<int32_t> greedy;
  float smallest_gap = 0;
};
std::vector<Continuation> continuations(const std::filesystem::path& golden_json, std::span<const int32_t> tokens);

// "mean_nll_of_tokens" of a golden.json.
double mean_nll(const std::filesystem::path& golden_json);

// Logits of every position, from one sequence cut into pieces; and how likely the text is, where wanted.
std::vector<std::vector<float>> all_logits(const LoadedModel& loaded, std::span<const int32_t> tokens, int64_t piece,
                                           const tensor::KvFormat& cache = tensor::DType::kF32,
                                           double* mean_nll = nullptr);

float largest_difference(std::span<const float> a, std::span<const float> b);

}  // namespace paddock::test
