// SPDX-License-Identifier: Apache-2.0
#pragma once
// How fast the model runs: prompts and answers of given lengths, repeated, with what each had to read and compute.

#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <vector>

#include "base/result.h"
#include "cache/kv_cache.h"
#include "llama4/forward.h"
#include "llama4/memory_plan.h"
#include "llama4/model.h"
#include "llama4/step_cost.h"

namespace paddock::engine {

enum class Phase : uint8_t { kPrefill, kDecode };

// Prefill: one sequence gets `tokens`, at most `batch` in each step. Decode: each of `streams` sequences gets `tokens`,
// one in each step. `depth` tokens are cached before.
struct SpeedCase {
  Phase phase = Phase::kPrefill;
  int64_t tokens = 1;
  int64_t depth = 0;
  int64_t streams = 1;
  int64_t batch = 512;
  int64_t adapters = 0;  // so many of the test's, in turn; 0: the model as it is
};

struct SpeedResult {
  SpeedCase of;
  std::vector<double> seconds;  // of each run
  llama4::StepCost cost;        // of all steps of one run
  int64_t steps = 0;            // of one run

  double tokens_per_second(double run_seconds) const {
    return static_cast<double>(of.tokens * of.streams) / run_seconds;
  }
};

// What a caller may want to know while a case runs.
struct SpeedHooks {
  llama4::Observer* observer = nullptr;         // of the timed runs
  std::function<void()> before_run, after_run;  // of each timed run
  // Tokens of each sequence, those that only bring it to its depth included.
  std::function<void(int64_t done, int64_t total)> progress;
};

// Steps are the engine's own: logits of every row that would be sampled are computed and read. Tokens are random, so
// that experts are chosen as by mixed text; sampling is left out.
class SpeedTest {
 public:
  // What a plan must hold for these cases.
  static llama4::MemoryWishes wishes_for(const std::vector<SpeedCase>& cases, const llama4::CacheSettings& cache);

  // The model must outlive it.
  static Result<std::unique_ptr<SpeedTest>> create(const llama4::Model& model, const llama4::MemoryPlan& plan,
                                                   std::vector<std::shared_ptr<const llama4::Adapter>> adapters = {});

  // The case must fit the plan.
  SpeedResult run(const SpeedCase& wanted, int runs, const SpeedHooks& hooks = {});

 private:
  SpeedTest(const llama4::Model& model, const llama4::MemoryPlan& plan);
  int64_t cached_tokens(const SpeedCase& wanted) const;
  void bring_to_depth(const SpeedCase& wanted);
  void step(int64_t first_position, int64_t tokens, bool with_logits, llama4::Observer* observer);
  void run_once(const SpeedCase& wanted, llama4::Observer* observer, const std::function<void()>& after_step);

  const llama4::Model& model_;
  llama4::MemoryPlan plan_;
  std::unique_ptr<cache::KvCache> kv_cache_;
  llama4::KvMemory kv_memory_;
  llama4::Activations activations_;
  std::vector<std::shared_ptr<const llama4::Adapter>> adapters_;
  int64_t used_adapters_ = 0;  // of the case
  std::mt19937 random_{1};
  std::function<void(int64_t)> after_tokens_;  // of each sequence, in one step
  std::vector<cache::SequenceCache> sequences_;
  // The last step.
  std::vector<std::vector<int32_t>> tokens_;
  std::vector<llama4::StepSequence> parts_;
  std::vector<int32_t> logits_rows_;
  std::vector<float> logits_;
};

}  // namespace paddock::engine
