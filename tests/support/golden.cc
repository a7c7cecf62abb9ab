// SPDX-License-Identifier: Apache-2.0
#include "tests/support/golden.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/mapped_file.h"
#include "engine/score.h"
#include "kernels/choose.h"
#include "tensor/decode.h"

namespace paddock::test {

std::unique_ptr<kernels::Machine> chosen_machine(bool exact, int threads) {
  const char* name = std::getenv("PADDOCK_MACHINE");
  auto machine = kernels::make_machine(name == nullptr ? "" : name, threads, exact);
  if (!machine) {
    // Nothing can be tested: ctest takes the sentence for a reason to skip (tests/CMakeLists.txt).
    std::fprintf(stderr, "%s\n", machine.error().message.c_str());
    std::exit(EXIT_FAILURE);
  }
  return std::move(*machine);
}

std::filesystem::path data_folder() { return std::filesystem::path(PADDOCK_SOURCE_DIR) / "tests" / "data"; }

std::optional<std::filesystem::path> reference_folder() {
  const char* named = std::getenv("PADDOCK_REFERENCE");
  const std::filesystem::path folder = named != nullptr
                                           ? std::filesystem::path(named)
                                           : std::filesystem::path(PADDOCK_SOURCE_DIR) / ".." / "shared" / "reference";
  if (!std::filesystem::is_directory(folder)) return std::nullopt;
  return folder;
}

std::unique_ptr<LoadedModel> load(const std::filesystem::path& path, std::unique_ptr<kernels::Machine> machine) {
  auto loaded = std::make_unique<LoadedModel>();
  loaded->machine = machine != nullptr ? std::move(machine) : chosen_machine(false);
  const auto failed = [&](const Error& error) {
    ADD_FAILURE() << error.message;
    return nullptr;
  };
  auto checkpoint = checkpoint::Checkpoint::open(path);
  if (!checkpoint) return failed(checkpoint.error());
  loaded->checkpoint = std::make_unique<checkpoint::Checkpoint>(std::move(*checkpoint));
  auto config = llama4::read_config(*loaded->checkpoint);
  if (!config) return failed(config.error());
  auto weights = llama4::load_weights(*loaded->checkpoint, config->config, loaded->machine.get());
  if (!weights) return failed(weights.error());
  loaded->model = {config->config, std::move(weights->weights), loaded->machine.get()};
  loaded->totals = weights->totals;
  return loaded;
}

llama4::MemoryPlan plan_for(const LoadedModel& loaded, int64_t context, int64_t sequences, int64_t piece,
                            const tensor::KvFormat& cache, int64_t page_positions) {
  llama4::MemoryWishes wishes;
  wishes.context = context;
  wishes.sequences = sequences;
  wishes.limits = {.tokens = piece, .logits = piece};
  wishes.cache = {.format = cache, .page_positions = page_positions};
  auto plan = llama4::plan_memory(loaded.model.config, loaded.totals, wishes, *loaded.machine);
  EXPECT_TRUE(plan.has_value()) << plan.error().message;
  return *plan;
}

FloatTensor floats(const checkpoint::Checkpoint& golden, const std::string& name) {
  const checkpoint::NamedTensor* tensor = golden.find(name);
  EXPECT_NE(tensor, nullptr) << name;
  FloatTensor result{tensor->view.shape, std::vector<float>(static_cast<size_t>(tensor->view.values()))};
  tensor::decode_row(tensor->view.dtype, tensor->view.bytes.data(), result.values.data(), tensor->view.values());
  return result;
}

std::vector<int32_t> integers(const checkpoint::Checkpoint& golden, const std::string& name) {
  const checkpoint::NamedTensor* tensor = golden.find(name);
  EXPECT_NE(tensor, nullptr) << name;
  EXPECT_EQ(tensor->view.dtype, tensor::DType::kI32);
  std::vector<int32_t> result(static_cast<size_t>(tensor->view.values()));
  std::copy_n(tensor->view.bytes.data(), tensor->view.bytes.size(), reinterpret_cast<std::byte*>(result.data()));
  return result;
}

std::vector<Continuation> continuations(const std::filesystem::path& golden_json, std::span<const int32_t> tokens) {
  const Json json = parse_json(read_text_file(golden_json).value(), golden_json.string()).value();
  std::vector<Continuation> result;
  for (const Json& entry : json.at("continuations")) {
    Continuation continuation;
    const Json& prompt = entry.at("prompt");
    if (prompt.is_string()) {  // "tokens[:8186]"
      const auto count = static_cast<size_t>(std::stoul(prompt.get<std::string>().substr(8)));
      continuation.prompt.assign(tokens.begin(), tokens.begin() + static_cast<ptrdiff_t>(count));
    } else {
      continuation.prompt = prompt.get<std::vector<int32_t>>();
    }
    continuation.greedy = entry.at("greedy").get<std::vector<int32_t>>();
    continuation.smallest_gap = entry.at("smallest_gap").get<float>();
    result.push_back(std::move(continuation));
  }
  return result;
}

double mean_nll(const std::filesystem::path& golden_json) {
  const Json json = parse_json(read_text_file(golden_json).value(), golden_json.string()).value();
  return json.at("mean_nll_of_tokens").get<double>();
}

std::vector<std::vector<float>> all_logits(const LoadedModel& loaded, std::span<const int32_t> tokens, int64_t piece,
                                           const tensor::KvFormat& cache, double* mean_nll) {
  std::vector<std::vector<float>> logits(tokens.size());
  engine::ScoreSinks sinks;
  sinks.logits = [&](int64_t row, std::span<const float> values) {
    logits[static_cast<size_t>(row)].assign(values.begin(), values.end());
  };
  const auto plan = plan_for(loaded, static_cast<int64_t>(tokens.size()), 1, piece, cache);
  const auto score = engine::score(loaded.model, plan, tokens, sinks);
  EXPECT_TRUE(score.has_value()) << score.error().message;
  if (score && mean_nll != nullptr) *mean_nll = score->mean_nll;
  return logits;
}

float largest_difference(std::span<const float> a, std::span<const float> b) {
  EXPECT_EQ(a.size(), b.size());
  float largest = 0;
  for (size_t index = 0; index < a.size(); ++index) {
    const float difference = std::abs(a[index] - b[index]);
    if (!(difference <= largest)) largest = difference;  // NaN counts as largest
  }
  return largest;
}

}  // namespace paddock::test
