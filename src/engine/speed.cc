// SPDX-License-Identifier: Apache-2.0
#include "engine/speed.h"

#include <algorithm>

#include "base/check.h"
#include "base/clock.h"

namespace paddock::engine {

llama4::MemoryWishes SpeedTest::wishes_for(const std::vector<SpeedCase>& cases, const llama4::CacheSettings& cache) {
  llama4::MemoryWishes wishes;
  wishes.cache = cache;
  wishes.context = 1;
  wishes.limits = {.tokens = 1, .logits = 1};
  for (const SpeedCase& wanted : cases) {
    wishes.context = std::max(wishes.context, wanted.depth + wanted.tokens);
    wishes.sequences = std::max(wishes.sequences, wanted.streams);
    wishes.limits.tokens = std::max({wishes.limits.tokens, wanted.batch, wanted.streams});
    wishes.limits.logits = std::max(wishes.limits.logits, wanted.streams);
  }
  return wishes;
}

SpeedTest::SpeedTest(const llama4::Model& model, const llama4::MemoryPlan& plan)
    : model_(model), plan_(plan), logits_(static_cast<size_t>(model.config.vocabulary)) {}

Result<std::unique_ptr<SpeedTest>> SpeedTest::create(const llama4::Model& model, const llama4::MemoryPlan& plan,
                                                     std::vector<std::shared_ptr<const llama4::Adapter>> adapters) {
  std::unique_ptr<SpeedTest> test(new SpeedTest(model, plan));
  test->kv_cache_ =
      std::make_unique<cache::KvCache>(cache_shape(model.config, plan.cache), plan.cache_pages, plan.limits.tokens);
  test->kv_memory_ =
      TRY(llama4::KvMemory::allocate(model.config, test->kv_cache_->shape(), plan.cache_pages, model.machine));
  test->adapters_ = std::move(adapters);
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
    CHECK(sequences_[index].extend(first_position + tokens));
    const llama4::Adapter* adapter =
        used_adapters_ == 0 ? nullptr : adapters_[index % static_cast<size_t>(used_adapters_)].get();
    parts_.push_back({tokens_[index], first_position, &sequences_[index], adapter});
    if (with_logits) logits_rows_.push_back(static_cast<int32_t>(static_cast<int64_t>(index + 1) * tokens - 1));
  }
  llama4::forward(model_, {parts_, logits_rows_}, kv_memory_, &activations_, observer);
  for (size_t row = 0; row < logits_rows_.size(); ++row)
    model_.machine->read(activations_.logits_RV.address.plus(row * logits_.size() * sizeof(float)),
                         std::as_writable_bytes(std::span(logits_)));
  for (cache::SequenceCache& sequence : sequences_) sequence.accept(first_position + tokens);
  if (after_tokens_) after_tokens_(tokens);
}

// Of the depth that is wanted. Local layers may have given up the chunk that it lies in.
int64_t SpeedTest::cached_tokens(const SpeedCase& wanted) const {
  if (static_cast<int64_t>(sequences_.size()) != wanted.streams) return 0;
  const cache::SequenceCache& first = sequences_.front();  // all are alike
  if (first.length() <= wanted.depth) return first.length();
  return first.can_rewind(wanted.depth) ? wanted.depth : 0;
}

void SpeedTest::bring_to_depth(const SpeedCase& wanted) {
  const int64_t cached = cached_tokens(wanted);
  if (cached == 0) {
    sequences_.clear();
    for (int64_t index = 0; index < wanted.streams; ++index) sequences_.push_back(kv_cache_->begin());
  }
  for (cache::SequenceCache& sequence : sequences_) sequence.rewind(cached);
  const int64_t piece = std::max<int64_t>(1, std::min(wanted.batch, plan_.limits.tokens) / wanted.streams);
  for (int64_t first = cached; first < wanted.depth; first += piece)
    step(first, std::min(piece, wanted.depth - first), false, nullptr);
}

void SpeedTest::run_once(const SpeedCase& wanted, llama4::Observer* observer, const std::function<void()>& after_step) {
  const int64_t piece = wanted.phase == Phase::kPrefill ? std::min(wanted.batch, plan_.limits.tokens) : 1;
  for (int64_t first = 0; first < wanted.tokens; first += piece) {
    const int64_t tokens = std::min(piece, wanted.tokens - first);
    // Of a prompt, logits are wanted of the last token.
    const bool with_logits = wanted.phase == Phase::kDecode || first + tokens == wanted.tokens;
    step(wanted.depth + first, tokens, with_logits, observer);
    if (after_step) after_step();
  }
}

SpeedResult SpeedTest::run(const SpeedCase& wanted, int runs, const SpeedHooks& hooks) {
  CHECK(wanted.depth + wanted.tokens <= plan_.context && wanted.streams <= plan_.sequences && wanted.batch > 0);
  CHECK(wanted.adapters <= static_cast<int64_t>(adapters_.size()));
  used_adapters_ = wanted.adapters;
  // As if every run could begin by taking back: filling once more only makes the end late.
  const int64_t total = wanted.depth - cached_tokens(wanted) + (1 + runs) * wanted.tokens;
  int64_t done = 0;
  after_tokens_ = [&](int64_t tokens) {
    done += tokens;
    if (hooks.progress) hooks.progress(std::min(done, total), total);
  };
  bring_to_depth(wanted);
  SpeedResult result{.of = wanted, .seconds = {}, .cost = {}, .steps = 0};
  // The first run warms up; what it costs is what the others cost but for the experts that their tokens choose.
  llama4::CostObserver cost(model_);
  run_once(wanted, &cost, [&] {
    result.cost += cost.take({parts_, logits_rows_}, plan_.cache.format);
    ++result.steps;
  });
  for (int run = 0; run < runs; ++run) {
    bring_to_depth(wanted);
    if (hooks.before_run) hooks.before_run();
    const Stopwatch watch;
    run_once(wanted, hooks.observer, {});
    result.seconds.push_back(watch.seconds());
    if (hooks.after_run) hooks.after_run();
  }
  after_tokens_ = {};
  return result;
}

}  // namespace paddock::engine
