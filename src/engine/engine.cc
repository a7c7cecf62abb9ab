// SPDX-License-Identifier: Apache-2.0
#include "engine/engine.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/check.h"
#include "base/clock.h"

namespace paddock::engine {
namespace {

bool all_finite(const std::vector<float>& values) {
  uint32_t largest = 0;  // as integers, magnitudes are in order; infinity and what is not a number are the largest
  for (const float value : values) largest = std::max(largest, std::bit_cast<uint32_t>(value) & 0x7fffffffu);
  return largest < 0x7f800000u;
}

bool is_answer(const Slice& slice) { return slice.count == 1 && slice.wants_logits; }

}  // namespace

Engine::Engine(const llama4::Model& model, const llama4::MemoryPlan& plan, const EngineOptions& options)
    : model_(model),
      plan_(plan),
      options_(options),
      scheduler_(plan.limits.tokens, plan.limits.logits),
      pace_(options.longest_step, plan.limits.tokens),
      logits_(static_cast<size_t>(model.config.vocabulary)) {}

Result<std::unique_ptr<Engine>> Engine::create(const llama4::Model& model, const llama4::MemoryPlan& plan,
                                               const EngineOptions& options) {
  std::unique_ptr<Engine> engine(new Engine(model, plan, options));
  const cache::CacheShape shape = cache_shape(model.config, plan.cache);
  engine->kv_memory_ = TRY(llama4::KvMemory::allocate(model.config, shape, plan.cache_pages, model.machine));
  engine->kv_cache_ =
      std::make_unique<cache::KvCache>(shape, plan.cache_pages, plan.limits.tokens,
                                       [memory = &engine->kv_memory_](cache::Group group, int32_t from, int32_t to) {
                                         memory->copy_page(group, from, to);
                                       });
  if (options.share_prefixes && options.prefix_folder && shape[cache::kGlobal].layers > 0)
    engine->kept_.emplace(options.prefix_folder.get(), engine->kv_cache_.get(), &engine->kv_memory_);
  engine->activations_ = TRY(llama4::allocate_activations(model.config, plan.limits, model.machine));
  return engine;
}

Result<void> Engine::check(const Request& request) const {
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
  TRY_VOID(PlacedPictures::check(request.pictures, prompt, options_.pictures.get()));
  return check_sampling(request.sampling, model_.config.vocabulary);
}

Result<RequestId> Engine::submit(Request request) {
  TRY_VOID(check(request));
  const auto prompt = static_cast<int64_t>(request.prompt.size());
  const int64_t room = plan_.context - prompt;
  const int64_t answer = request.max_tokens < 0 ? room : std::min(request.max_tokens, room);

  const RequestId id = next_id_++;
  std::vector<int32_t> tokens = request.prompt;
  PlacedPictures pictures(std::move(request.pictures), options_.pictures.get(), tokens);
  Sampler sampler(request.sampling, request.prompt);
  waiting_.add(id, request.priority, request.tenant);
  sequences_.emplace(id, Sequence{.request = std::move(request),
                                  .tokens = std::move(tokens),
                                  .pictures = std::move(pictures),
                                  .sampler = std::move(sampler),
                                  .draft_length = DraftLength(options_.draft_tokens),
                                  .most_tokens = prompt + answer});
  return id;
}

void Engine::cancel(RequestId id) {
  if (const auto found = sequences_.find(id); found != sequences_.end()) found->second.cancelled = true;
}

bool Engine::step() {
  if (kept_) kept_->copy_some();
  const std::vector<Slice> batch = schedule();
  if (batch.empty() && options_.pictures && options_.pictures->is_busy()) {
    encode_pictures(0);
    return true;
  }
  if (batch.empty() && kept_ && kept_->is_busy()) {
    kept_->wait();
    return true;
  }
  if (batch.empty()) return !sequences_.empty();
  const Stopwatch watch;
  forward(batch);
  std::vector<Said> said = sample(batch);
  note(batch, watch.seconds());
  commit(batch, std::move(said));
  if (options_.pictures && options_.pictures->is_busy()) encode_pictures(watch.seconds());
  return true;
}

// What a step has left of the time that nobody notices; beside nobody, until somebody might have come.
void Engine::encode_pictures(double step_seconds) {
  if (scheduler_.answering() > 0)
    options_.pictures->advance(options_.longest_step - step_seconds, options_.longest_step);
  else
    options_.pictures->advance(0.25, 1);
}

void Engine::note(const std::vector<Slice>& batch, double seconds) {
  int64_t answers = 0, of_prompts = 0, drafted = 0;
  for (const Slice& slice : batch) {
    (is_answer(slice) ? answers : of_prompts) += slice.count;
    drafted += static_cast<int64_t>(sequences_.at(slice.request).draft.size());
  }
  pace_.note(answers, of_prompts, seconds);
  ++counts_.steps;
  counts_.computed_tokens += answers + of_prompts + drafted;
  counts_.drafted_tokens += drafted;
}

std::vector<Slice> Engine::schedule() {
  drop_ended();
  admit_waiting();
  std::vector<Slice> batch = scheduler_.next_batch(pace_.prompt_tokens(scheduler_.answering()));
  make_room(batch);
  draft(batch);
  return batch;
}

void Engine::drop_ended() {
  std::vector<std::pair<RequestId, FinishReason>> ended;
  const auto now = std::chrono::steady_clock::now();
  for (const auto& [id, sequence] : sequences_)
    if (sequence.cancelled)
      ended.emplace_back(id, FinishReason::kCancelled);
    else if (sequence.request.deadline && *sequence.request.deadline <= now)
      ended.emplace_back(id, FinishReason::kTimeout);
  for (const auto& [id, reason] : ended) finish(id, reason, {});
}

void Engine::admit_waiting() {
  if (options_.pictures) options_.pictures->begin_round();
  if (waiting_.empty()) return;
  std::map<int64_t, int64_t> running;
  for (const auto& [id, sequence] : sequences_)
    if (sequence.cache) ++running[sequence.request.tenant];
  for (const RequestId id : waiting_.in_order(std::move(running))) {
    const Admission admission = try_admit(id, sequences_.at(id));
    // In order: a large request is not overtaken for ever by small ones.
    if (admission == Admission::kNoRoom) return;
    if (admission == Admission::kAdmitted) waiting_.remove(id);
  }
}

const cache::Variant& Engine::variant_of(const Sequence& sequence) {
  return sequence.request.adapter ? sequence.request.adapter->digest() : cache::kNoVariant;
}

// What outlives the process: marks are numbers of this one, in the next the same mark is another picture. So a text is
// kept up to the page that its first picture begins in: pages are kept whole, and this one holds marks.
std::span<const int32_t> Engine::kept_part(const Sequence& sequence, int64_t length) const {
  const int64_t page = plan_.cache.page_positions, picture = sequence.pictures.first_position();
  return std::span(sequence.tokens).first(static_cast<size_t>(length <= picture ? length : picture / page * page));
}

Engine::Admission Engine::try_admit(RequestId id, Sequence& sequence) {
  if (sequence.most_tokens == static_cast<int64_t>(sequence.request.prompt.size())) {  // nothing was asked for
    finish(id, FinishReason::kLength, {});
    return Admission::kAdmitted;
  }
  if (static_cast<int64_t>(scheduler_.size()) >= std::min(plan_.limits.logits, options_.places))
    return Admission::kNoRoom;
  if (kept_ && kept_->is_waiting(id)) return Admission::kTextIsComing;
  // The last token is computed in any case: its logits are needed.
  cache::SequenceCache cache =
      options_.share_prefixes
          ? kv_cache_->begin(std::span(sequence.tokens).first(sequence.tokens.size() - 1), variant_of(sequence))
          : kv_cache_->begin();
  const auto total = static_cast<int64_t>(sequence.tokens.size());
  if (is_read_by_another(sequence, cache.length())) return Admission::kTextIsComing;
  if (scheduler_.size() > 0 && !kv_cache_->can_extend(cache, total + 1)) return Admission::kNoRoom;
  if (kept_ && kept_->is_worth_waiting(id, kept_part(sequence, total - 1), cache.length(), variant_of(sequence)))
    return Admission::kTextIsComing;
  if (!sequence.pictures.empty() && !sequence.pictures.hold(cache.length(), options_.pictures.get())) {
    sequence.waited_for_pictures = true;
    return Admission::kTextIsComing;
  }
  scheduler_.add(id, cache.length(), total, sequence.request.tenant);
  if (!sequence.reused) {
    sequence.reused = cache.length();
    counts_.prompt_tokens += total;
    counts_.reused_tokens += cache.length();
    counts_.pictures += static_cast<int64_t>(sequence.pictures.size());
    counts_.reused_pictures += sequence.waited_for_pictures ? sequence.pictures.whole_before(cache.length())
                                                            : static_cast<int64_t>(sequence.pictures.size());
    if (kept_) kept_->keep(kept_part(sequence, cache.length()), variant_of(sequence));
  }
  sequence.cache = std::move(cache);
  sequence.shared.clear();
  return Admission::kAdmitted;
}

// Whether a sequence that has a place is about to compute more of the same text than the cache holds of it: then it
// pays to wait for it. Texts only grow, and so does what two of them share: it is counted on from where it was known,
// so that each pair is compared once however many steps it waits.
bool Engine::is_read_by_another(Sequence& sequence, int64_t held) {
  if (!options_.share_prefixes) return false;
  for (const auto& [id, other] : sequences_) {
    if (!other.cache || !scheduler_.is_reading(id) || variant_of(other) != variant_of(sequence)) continue;
    int64_t& shared = sequence.shared[id];
    const auto known = static_cast<size_t>(shared);
    const int64_t more =
        cache::shared_tokens(std::span(other.tokens).subspan(known), std::span(sequence.tokens).subspan(known));
    shared += more;
    counts_.compared_tokens += more;
    const int64_t common = std::min(shared, static_cast<int64_t>(sequence.tokens.size()) - 1);
    if (common / plan_.cache.page_positions > held / plan_.cache.page_positions) return true;
  }
  return false;
}

// Pages for what the step adds. Where there are none, the least important sequence gives up its place; what it has
// computed stays remembered as long as nobody needs the pages.
void Engine::make_room(std::vector<Slice>& batch) {
  for (size_t index = 0; index < batch.size();) {
    const Slice slice = batch[index];
    if (sequences_.at(slice.request).cache->extend(slice.first + slice.count)) {
      ++index;
      continue;
    }
    const RequestId victim = least_important();
    CHECK(scheduler_.size() > 1);  // one alone always fits: longer requests are refused
    preempt(victim);
    const auto gone = std::find_if(batch.begin(), batch.end(), [&](const Slice& one) { return one.request == victim; });
    if (gone == batch.end()) continue;
    if (gone - batch.begin() < static_cast<ptrdiff_t>(index)) --index;
    batch.erase(gone);
  }
}

// The youngest of the lowest priority among those that have a place.
RequestId Engine::least_important() const {
  RequestId least = 0;
  for (const auto& [id, sequence] : sequences_)
    if (sequence.cache && (least == 0 || sequence.request.priority <= sequences_.at(least).request.priority))
      least = id;
  return least;
}

void Engine::preempt(RequestId id) {
  Sequence& sequence = sequences_.at(id);
  remember(sequence, scheduler_.computed(id), true);
  sequence.cache.reset();
  sequence.pictures.release(INT64_MAX);
  scheduler_.remove(id);
  if (kept_) kept_->forget(id);
  waiting_.add(id, sequence.request.priority, sequence.request.tenant);
  ++counts_.preemptions;
}

// Of what has been computed.
void Engine::remember(Sequence& sequence, int64_t computed, bool last) {
  if (options_.share_prefixes && sequence.cache)
    kv_cache_->remember(*sequence.cache, std::span(sequence.tokens).first(static_cast<size_t>(computed)), last);
}

// Guesses take what the step has left, an equal share for each answer, and pages that nobody has to give up.
void Engine::draft(const std::vector<Slice>& batch) {
  if (options_.draft_tokens == 0) return;
  int64_t rows = plan_.limits.tokens, logits = plan_.limits.logits, answers = 0;
  for (const Slice& slice : batch) {
    rows -= slice.count;
    logits -= slice.wants_logits ? 1 : 0;
    answers += is_answer(slice) ? 1 : 0;
  }
  for (const Slice& slice : batch) {
    if (!is_answer(slice)) continue;
    Sequence& sequence = sequences_.at(slice.request);
    const auto total = static_cast<int64_t>(sequence.tokens.size());
    const int64_t share = (std::min(rows, logits) + answers - 1) / answers;
    --answers;
    // The last token of an answer is never computed.
    const int64_t most = std::min({share, sequence.draft_length.at(total), sequence.most_tokens - total - 1});
    if (most <= 0) continue;
    sequence.draft = draft_after(sequence.tokens, most);
    // What followed may have been a picture.
    sequence.draft.erase(std::ranges::find_if(sequence.draft, [](int32_t token) { return token < 0; }),
                         sequence.draft.end());
    const auto drafted = static_cast<int64_t>(sequence.draft.size());
    if (!sequence.cache->extend(total + drafted)) {
      sequence.draft.clear();
      continue;
    }
    rows -= drafted;
    logits -= drafted;
  }
}

void Engine::forward(const std::vector<Slice>& batch) {
  std::vector<llama4::StepSequence> step;
  std::vector<int32_t> logits_rows;
  std::vector<llama4::GivenRows> given;
  std::vector<std::vector<int32_t>> filled(batch.size());
  int64_t row = 0;
  for (const Slice& slice : batch) {
    Sequence& sequence = sequences_.at(slice.request);
    const size_t drafted = sequence.draft.size();
    sequence.tokens.insert(sequence.tokens.end(), sequence.draft.begin(), sequence.draft.end());
    auto tokens = std::span<const int32_t>(sequence.tokens)
                      .subspan(static_cast<size_t>(slice.first), static_cast<size_t>(slice.count) + drafted);
    if (!sequence.pictures.empty()) {
      filled[step.size()] = sequence.pictures.fill(tokens, slice.first, row, &given);
      tokens = filled[step.size()];
    }
    step.push_back({tokens, slice.first, &*sequence.cache, sequence.request.adapter.get()});
    row += slice.count;
    if (slice.wants_logits) logits_rows.push_back(static_cast<int32_t>(row - 1));
    for (size_t index = 0; index < drafted; ++index) logits_rows.push_back(static_cast<int32_t>(row++));
  }
  llama4::forward(model_, {step, logits_rows, given}, kv_memory_, &activations_);
  for (const Slice& slice : batch) {
    Sequence& sequence = sequences_.at(slice.request);
    sequence.tokens.resize(sequence.tokens.size() - sequence.draft.size());
  }
}

std::vector<Engine::Said> Engine::sample(const std::vector<Slice>& batch) {
  std::vector<Said> said;
  size_t logits_row = 0;
  for (const Slice& slice : batch) {
    if (!slice.wants_logits) continue;
    Sequence& sequence = sequences_.at(slice.request);
    said.push_back(say(sequence, logits_row));
    logits_row += 1 + sequence.draft.size();
  }
  return said;
}

// Each token is drawn as if it were the only one of its step, from a row that is the same bits: a guess is right when
// it is what is drawn, and the row after it counts then.
Engine::Said Engine::say(Sequence& sequence, size_t logits_row) {
  const auto& stops = sequence.request.stop_tokens;
  Said said;
  while (true) {
    std::optional<Sampler::Choice> choice = sample_row(sequence, logits_row + static_cast<size_t>(said.accepted));
    if (!choice) {
      said.finished = FinishReason::kError;
      return said;
    }
    const int32_t token = choice->token;
    said.tokens.push_back(std::move(*choice));
    const auto total = static_cast<int64_t>(sequence.tokens.size() + said.tokens.size());
    if (std::find(stops.begin(), stops.end(), token) != stops.end())
      said.finished = FinishReason::kStop;
    else if (total >= sequence.most_tokens)
      said.finished = FinishReason::kLength;
    if (said.finished) return said;
    if (sequence.request.filter) sequence.request.filter->accept(token);
    if (said.accepted == static_cast<int64_t>(sequence.draft.size()) ||
        token != sequence.draft[static_cast<size_t>(said.accepted)])
      return said;
    ++said.accepted;
  }
}

// None where no token can be drawn.
std::optional<Sampler::Choice> Engine::sample_row(Sequence& sequence, size_t logits_row) {
  model_.machine->read(activations_.logits_RV.address.plus(logits_row * logits_.size() * sizeof(float)),
                       std::as_writable_bytes(std::span(logits_)));
  if (!all_finite(logits_)) return {};
  return sequence.sampler.sample(logits_, sequence.request.filter.get());
}

void Engine::commit(const std::vector<Slice>& batch, std::vector<Said> said) {
  auto of_slice = said.begin();
  for (const Slice& slice : batch) {
    Sequence& sequence = sequences_.at(slice.request);
    if (slice.wants_logits) {
      commit_said(slice, sequence, std::move(*of_slice++));
      continue;
    }
    commit_rows(slice, sequence);
    if (sequence.request.listener)
      sequence.request.listener(
          {.request = slice.request,
           .token = {},
           .logprobs = {},
           .finished = {},
           .prompt_done = std::min(slice.first + slice.count, static_cast<int64_t>(sequence.request.prompt.size())),
           .prompt_reused = sequence.reused.value_or(0)});
  }
}

void Engine::commit_said(const Slice& slice, Sequence& sequence, Said said) {
  if (const auto drafted = static_cast<int64_t>(sequence.draft.size()); drafted > 0) {
    counts_.accepted_tokens += said.accepted;
    sequence.draft_length.note(slice.first + slice.count, drafted, said.accepted);
    sequence.cache->rewind(slice.first + slice.count + said.accepted);
    sequence.draft.clear();
  }
  // One after the other, as if each had had a step of its own: a listener may end it at any of them.
  Slice rows = slice;
  for (size_t index = 0; index < said.tokens.size(); ++index) {
    commit_rows(rows, sequence);
    const bool ended = said.finished && *said.finished != FinishReason::kError && index + 1 == said.tokens.size();
    commit_token(slice.request, sequence, std::move(said.tokens[index]), ended ? said.finished : std::nullopt);
    if (ended || sequence.cancelled) return;
    rows = {slice.request, rows.first + rows.count, 1, true};
  }
  if (said.finished != FinishReason::kError) return;
  commit_rows(rows, sequence);
  finish(slice.request, FinishReason::kError, {});
}

// Of tokens that are the sequence's own: drafts that were wrong are never remembered, and give up no chunk.
void Engine::commit_rows(const Slice& slice, Sequence& sequence) {
  scheduler_.commit(slice);
  const int64_t computed = slice.first + slice.count;
  const int64_t page = plan_.cache.page_positions;
  if (computed / page > slice.first / page) remember(sequence, computed, false);
  sequence.cache->accept(computed);
  sequence.pictures.release(computed);
}

void Engine::commit_token(RequestId id, Sequence& sequence, Sampler::Choice choice,
                          std::optional<FinishReason> finished) {
  sequence.tokens.push_back(choice.token);
  ++counts_.answer_tokens;
  Event event{.request = id,
              .token = choice.token,
              .logprobs = std::move(choice.logprobs),
              .finished = {},
              .prompt_done = static_cast<int64_t>(sequence.request.prompt.size()),
              .prompt_reused = sequence.reused.value_or(0)};
  if (finished) {
    finish(id, *finished, std::move(event));
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
  for (auto& [other_id, other] : sequences_) other.shared.erase(id);
  const int64_t computed = scheduler_.computed(id);
  remember(sequence, computed, true);
  if (kept_) kept_->forget(id);
  if (kept_ && computed >= options_.least_kept) kept_->keep(kept_part(sequence, computed), variant_of(sequence));
  scheduler_.remove(id);
  waiting_.remove(id);
  sequence.cache.reset();  // pages are free before the listener hears of it
  last.request = id;
  last.finished = reason;
  last.prompt_reused = sequence.reused.value_or(0);
  if (sequence.request.listener) sequence.request.listener(last);
}

}  // namespace paddock::engine
