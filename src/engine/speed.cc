// SPDX-License-Identifier: Apache-2.0
#include "engine/speed.h"

#include <algorithm>

#include "base/check.h"
#include "base/clock.h"

namespace paddock::engine {

llama4::MemoryWishes SpeedTest::wishes_for(const std::vector<SpeedCase>& cases, const llama4::CacheSettings& cache) {
  constexpr int64_t kFillTokens = 512;  // of a step that brings sequences to their depth
  llama4::MemoryWishes wishes;
  wishes.cache = cache;
  wishes.context = 1;
  wishes.limits = {.tokens = kFillTokens, .logits = 1};
  for (const SpeedCase& wanted : cases) {
    wishes.context = std::max(wishes.context, wanted.depth + wanted.tokens);
    wishes.sequences = std::max(wishes.sequences, wanted.streams);
    wishes.limits.tokens = std::max({wishes.limits.tokens, wanted.tokens, wanted.streams});
    wishes.limits.logits = std::max(wishes.limits.logits, wanted.streams);
  }
  return wishes;
}

SpeedTest::SpeedTest(const llama4::Model& model, const llama4::MemoryPlan& plan)
    : model_(model), plan_(plan), logits_(static_cast<size_t>(model.config.vocabulary)) {}

Result<std::unique_ptr<SpeedTest>> SpeedTest::create(const llama4::Model& model, const llama4::MemoryPlan& plan) {
  std::unique_ptr<SpeedTest> test(new SpeedTest(model, plan));
  test->kv_cache_ =
      std::make_unique<cache::KvCache>(cache_shape(model.config, plan.cache), plan.cache_pages, plan.limits.tokens);
  test->kv_memory_ =
      TRY(llama4::KvMemory::allocate(model.config, test->kv_cache_->shape(), plan.cache_pages, model.machine));
  test->activations_ = TRY(llama4::allocate_activations(model.config, plan.limits, model.machine));
  return test;
}

// One step that gives each sequence `tokens` random tokens. Without logits it is the inner part of a prompt.
void SpeedTest::step(int64_t first_position, int64_t tokens, bool with_logits, llama4::Observer* observer) {
  std::uniform_int_distribution<int32_t> any(0, static_cast<int32_t>(model_.config.vocabulary - 1));
  tokens_.assign(sequences_.size(), std::vector<int32_t>(static_cast<size_t>(tokens)));
  parts_.clear();
  logits_rows_.clear();
  for (size_t index = 0; index < sequences_.size(); ++index) {
    for (int32_t& token : tokens_[index]) token = any(random_);
    sequences_[index].extend(first_position + tokens);
    parts_.push_back({tokens_[index], first_position, &sequences_[index]});
    if (with_logits) logits_rows_.push_back(static_cast<int32_t>(static_cast<int64_t>(index + 1) * tokens - 1));
  }
  llama4::forward(model_, {parts_, logits_rows_}, kv_memory_, &activations_, observer);
  for (size_t row = 0; row < logits_rows_.size(); ++row)
    model_.machine->read(activations_.logits_RV.address.plus(row * logits_.size() * sizeof(float)),
                         std::as_writable_bytes(std::span(logits_)));
}

void SpeedTest::fill(int64_t streams, int64_t depth) {
  if (static_cast<int64_t>(sequences_.size()) == streams && depth_ == depth) return;
  sequences_.clear();
  for (int64_t index = 0; index < streams; ++index) sequences_.push_back(kv_cache_->admit(plan_.context));
  const int64_t piece = std::max<int64_t>(1, plan_.limits.tokens / streams);
  for (int64_t first = 0; first < depth; first += piece) {
    const int64_t tokens = std::min(piece, depth - first);
    step(first, tokens, false, nullptr);
    for (cache::SequenceCache& sequence : sequences_) sequence.accept(first + tokens);
  }
  depth_ = depth;
}

// Nothing is accepted, so that the sequences can be taken back to their depth.
void SpeedTest::run_once(const SpeedCase& wanted, llama4::Observer* observer, const std::function<void()>& after_step) {
  const bool is_prefill = wanted.phase == Phase::kPrefill;
  const int64_t steps = is_prefill ? 1 : wanted.tokens;
  const int64_t tokens = is_prefill ? wanted.tokens : 1;
  for (int64_t index = 0; index < steps; ++index) {
    step(wanted.depth + index * tokens, tokens, true, observer);
    if (after_step) after_step();
  }
}

SpeedResult SpeedTest::run(const SpeedCase& wanted, int runs, llama4::Observer* observer,
                           const std::function<void()>& before_timed_runs) {
  CHECK(wanted.depth + wanted.tokens <= plan_.context && wanted.streams <= plan_.sequences);
  const auto take_back = [&] {
    for (cache::SequenceCache& sequence : sequences_) sequence.rewind(wanted.depth);
  };
  fill(wanted.streams, wanted.depth);
  SpeedResult result{.of = wanted, .seconds = {}, .cost = {}, .steps = 0};
  // The first run warms up; what it costs is what the others cost but for the experts that their tokens choose.
  llama4::CostObserver cost(model_);
  run_once(wanted, &cost, [&] {
    result.cost += cost.take({parts_, logits_rows_}, plan_.cache.dtype);
    ++result.steps;
  });
  take_back();
  if (before_timed_runs) before_timed_runs();
  for (int run = 0; run < runs; ++run) {
    const Stopwatch watch;
    run_once(wanted, observer, {});
    result.seconds.push_back(watch.seconds());
    take_back();
  }
  return result;
}

}  // namespace paddock::engine
