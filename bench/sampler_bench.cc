// SPDX-License-Identifier: Apache-2.0
// A token from one row of 202,048 logits, Llama 4's vocabulary, by each way of sampling:
//   sampler_bench --benchmark_filter='peaked/.*'
// `flat` are normal logits of width 3, as if a model knew nothing; `peaked` have a few tokens far above, as answers do.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "engine/sampler.h"

namespace paddock::engine {
namespace {

constexpr size_t kVocabulary = 202048;

std::vector<float> logits_of(bool peaked) {
  std::mt19937 random(7);
  std::normal_distribution<float> normal(0, 3);
  std::vector<float> logits(kVocabulary);
  for (float& logit : logits) logit = normal(random);
  for (int best = 0; peaked && best < 20; ++best) logits[random() % kVocabulary] = 26.0f - static_cast<float>(best);
  return logits;
}

void sample(benchmark::State& state, const SamplingParameters& parameters, bool peaked) {
  const std::vector<float> logits = logits_of(peaked);
  std::vector<float> scratch(kVocabulary);
  Sampler sampler(parameters, {});
  for (auto _ : state) {
    std::ranges::copy(logits, scratch.begin());  // as the engine copies them: 15 microseconds or so
    benchmark::DoNotOptimize(sampler.sample(scratch)->token);
  }
}

void register_all() {
  const std::pair<const char*, SamplingParameters> ways[] = {
      {"greedy", {.temperature = 0}},
      {"temperature", {.temperature = 0.7f}},
      {"top_k_40", {.temperature = 0.7f, .top_k = 40}},
      {"top_p_0.95", {.temperature = 0.7f, .top_p = 0.95f}},
      {"min_p_0.05", {.temperature = 0.7f, .min_p = 0.05f}},
      {"logprobs_20", {.temperature = 0, .top_logprobs = 20}},
  };
  for (const bool peaked : {true, false})
    for (const auto& [name, parameters] : ways)
      benchmark::RegisterBenchmark((std::string(peaked ? "peaked/" : "flat/") + name).c_str(), sample, parameters,
                                   peaked)
          ->Unit(benchmark::kMicrosecond);
}

}  // namespace
}  // namespace paddock::engine

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  paddock::engine::register_all();
  benchmark::RunSpecifiedBenchmarks();
}
