// SPDX-License-Identifier: Apache-2.0
#include "engine/engine.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/check.h"

namespace paddock::engine {
namespace {

// Tokens at the start that two texts share.
int64_t common_prefix(const std::vector<int32_t>& a, const std::vector<int32_t>& b) {
  return std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin();
}

bool all_finite(const std::vector<float>& values) {
  uint32_t largest = 0;  // as integers, magnitudes are in order; infinity and what is not a number are the largest
  for (const float value : values) largest = std::max(largest, std::bit_cast<uint32_t>(value) & 0x7fffffffu);
  return largest < 0x7f800000u;
}

}  // namespace

Engine::Engine(const llama4::Model& model, const llama4::MemoryPlan& plan)
    : model_(model),
      plan_(plan),
      kv_cache_(std::make_unique<cache::KvCache>(cache_shape(model.config, plan.cache), plan.cache_pages,
                                                 plan.limits.tokens)),
      scheduler_(plan.limits.tokens, plan.limits.logits),
      logits_(static_cast<size_t>(model.config.vocabulary)) {}

Result<std::unique_ptr<Engine>> Engine::create(const llama4::Model& model, const llama4::MemoryPlan& plan) {
  std::unique_ptr<Engine> engine(new Engine(model, plan));
  engine->kv_memory_ =
      TRY(llama4::KvMemory::allocate(model.config, engine->kv_cache_->shape(), plan.cache_pages, model.machine));
  engine->activations_ = TRY(llama4::allocate_activations(model.config, plan.limits, model.machine));
  return engine;
}

Result<RequestId> Engine::submit(Request request) {
  const auto prompt = static_cast<int64_t>(request.prompt.size());
  if (prompt == 0) return error(ErrorCode::kInvalidArgument, "prompt: expected at least one token, found none");
  for (const int32_t token : request.prompt)
    if (token < 0 || token >= model_.config.vocabulary)
      return error(ErrorCode::kInvalidArgument, "prompt: expected token ids below the vocabulary of {}, found {}",
                   model_.config.vocabulary, token);
  if (prompt >= plan_.context)
    return error(
        ErrorCode::kLimit,
        "prompt: expected fewer tokens than the context of {}, found {}; shorten it or choose a larger context",
        plan_.context, prompt);
  TRY_VOID(check_sampling(request.sampling, model_.config.vocabulary));
  const int64_t room = plan_.context - prompt;
  const int64_t answer = request.max_tokens < 0 ? room : std::min(request.max_tokens, room);

  const RequestId id = next_id_++;
  std::vector<int32_t> tokens = request.prompt;
  Sampler sampler(request.sampling, request.prompt);
  sequences_.emplace(
      id, Sequence{std::move(request), std::move(tokens), std::move(sampler), prompt + answer, {}, 0, false});
  waiting_.push_back(id);
  return id;
}

void Engine::cancel(RequestId id) {
  if (const auto found = sequences_.find(id); found != sequences_.end()) found->second.cancelled = true;
}

bool Engine::step() {
  const std::vector<Slice> batch = schedule();
  if (batch.empty()) return !sequences_.empty();
  forward(batch);
  commit(batch, sample(batch));
  return true;
}

std::vector<Slice> Engine::schedule() {
  drop_cancelled();
  admit_waiting();
  return scheduler_.next_batch();
}

void Engine::drop_cancelled() {
  std::vector<RequestId> dropped;
  for (const auto& [id, sequence] : sequences_)
    if (sequence.cancelled) dropped.push_back(id);
  for (const RequestId id : dropped) finish(id, FinishReason::kCancelled, {});
}

void Engine::admit_waiting() {
  while (!waiting_.empty()) {
    const RequestId id = waiting_.front();
    const auto found = sequences_.find(id);
    // In order of arrival: a large request is not overtaken for ever by small ones.
    if (found != sequences_.end() && !try_admit(id, found->second)) return;
    waiting_.pop_front();
  }
}

bool Engine::try_admit(RequestId id, Sequence& sequence) {
  if (sequence.most_tokens == static_cast<int64_t>(sequence.tokens.size())) {  // nothing was asked for
    finish(id, FinishReason::kLength, {});
    return true;
  }
  int64_t computed = reuse_kept(sequence);
  if (!sequence.cache) {
    // A request that is kept may be continued up to the whole context.
    const int64_t length = sequence.request.keep_cache ? plan_.context : sequence.most_tokens;
    // Kept caches are a convenience: the oldest yield to a request that would wait for them.
    while (!kv_cache_->can_admit(length) && !kept_.empty()) kept_.erase(kept_.begin());
    if (!kv_cache_->can_admit(length)) return false;
    sequence.cache = kv_cache_->admit(length);
    computed = 0;
  }
  sequence.reused = computed;
  scheduler_.add(id, computed, static_cast<int64_t>(sequence.tokens.size()));
  return true;
}

// Takes over the cache that the request continues, if it can; returns how many tokens are in it.
int64_t Engine::reuse_kept(Sequence& sequence) {
  if (!sequence.request.continues) return 0;
  const auto found = kept_.find(*sequence.request.continues);
  if (found == kept_.end()) return 0;
  Kept kept = std::move(found->second);
  kept_.erase(found);
  // The last token of the prompt is computed in any case: its logits are needed.
  const int64_t shared = std::min({common_prefix(kept.tokens, sequence.tokens), kept.cache.length(),
                                   static_cast<int64_t>(sequence.tokens.size()) - 1});
  if (kept.cache.max_length() < sequence.most_tokens || !kept.cache.can_rewind(shared)) return 0;
  kept.cache.rewind(shared);
  sequence.cache = std::move(kept.cache);
  return shared;
}

void Engine::forward(const std::vector<Slice>& batch) {
  std::vector<llama4::StepSequence> step;
  std::vector<int32_t> logits_rows;
  int64_t row = 0;
  for (const Slice& slice : batch) {
    Sequence& sequence = sequences_.at(slice.request);
    sequence.cache->extend(slice.first + slice.count);
    step.push_back(
        {std::span(sequence.tokens).subspan(static_cast<size_t>(slice.first), static_cast<size_t>(slice.count)),
         slice.first, &*sequence.cache});
    row += slice.count;
    if (slice.wants_logits) logits_rows.push_back(static_cast<int32_t>(row - 1));
  }
  llama4::forward(model_, {step, logits_rows}, kv_memory_, &activations_);
}

std::vector<std::optional<Sampler::Choice>> Engine::sample(const std::vector<Slice>& batch) {
  std::vector<std::optional<Sampler::Choice>> choices;
  const size_t row_bytes = logits_.size() * sizeof(float);
  for (const Slice& slice : batch) {
    if (!slice.wants_logits) continue;
    model_.machine->read(activations_.logits_RV.address.plus(choices.size() * row_bytes),
                         std::as_writable_bytes(std::span(logits_)));
    const bool finite = all_finite(logits_);
    choices.push_back(finite ? std::optional(sequences_.at(slice.request).sampler.sample(logits_)) : std::nullopt);
  }
  return choices;
}

void Engine::commit(const std::vector<Slice>& batch, std::vector<std::optional<Sampler::Choice>> choices) {
  auto choice = choices.begin();
  for (const Slice& slice : batch) {
    Sequence& sequence = sequences_.at(slice.request);
    scheduler_.commit(slice);
    sequence.cache->accept(slice.first + slice.count);
    if (slice.wants_logits) {
      std::optional<Sampler::Choice> chosen = std::move(*choice++);
      if (chosen)
        commit_token(slice.request, sequence, std::move(*chosen));
      else
        finish(slice.request, FinishReason::kError, {});
    } else if (sequence.request.listener)
      sequence.request.listener({.request = slice.request,
                                 .token = {},
                                 .logprobs = {},
                                 .finished = {},
                                 .prompt_done = slice.first + slice.count,
                                 .prompt_reused = sequence.reused});
  }
}

void Engine::commit_token(RequestId id, Sequence& sequence, Sampler::Choice choice) {
  sequence.tokens.push_back(choice.token);
  const auto& stops = sequence.request.stop_tokens;
  const bool stop = std::find(stops.begin(), stops.end(), choice.token) != stops.end();
  const bool full = static_cast<int64_t>(sequence.tokens.size()) >= sequence.most_tokens;
  Event event{.request = id,
              .token = choice.token,
              .logprobs = std::move(choice.logprobs),
              .finished = {},
              .prompt_done = static_cast<int64_t>(sequence.request.prompt.size()),
              .prompt_reused = sequence.reused};
  if (stop || full) {
    finish(id, stop ? FinishReason::kStop : FinishReason::kLength, std::move(event));
    return;
  }
  scheduler_.append_token(id);
  if (sequence.request.listener) sequence.request.listener(event);
}

void Engine::finish(RequestId id, FinishReason reason, Event last) {
  const auto found = sequences_.find(id);
  CHECK(found != sequences_.end());
  Sequence sequence = std::move(found->second);
  sequences_.erase(found);
  scheduler_.remove(id);
  if (sequence.request.keep_cache && sequence.cache) {
    // The last token was never computed: it is not in the cache.
    kept_.emplace(id, Kept{std::move(sequence.tokens), std::move(*sequence.cache)});
  }
  sequence.cache.reset();  // pages are free before the listener hears of it
  last.request = id;
  last.finished = reason;
  last.prompt_reused = sequence.reused;
  if (sequence.request.listener) sequence.request.listener(last);
}

}  // namespace paddock::engine
