// SPDX-License-Identifier: Apache-2.0
#pragma once
// Sequences to tokens: many requests share one model and one cache.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "cache/kv_cache.h"
#include "cache/prefix_folder.h"
#include "engine/draft.h"
#include "engine/kept_prefixes.h"
#include "engine/pace.h"
#include "engine/picture_store.h"
#include "engine/placed_pictures.h"
#include "engine/request.h"
#include "engine/sampler.h"
#include "engine/scheduler.h"
#include "engine/waiting_queue.h"
#include "llama4/forward.h"
#include "llama4/memory_plan.h"
#include "llama4/model.h"

namespace paddock::engine {

struct EngineOptions {
  // Sequences that begin alike share what is computed of it, at once and later, as long as the cache has room.
  bool share_prefixes = true;
  double longest_step = 0.1;  // seconds (pace.h)
  // Where what is shared outlives the process; made for this model, plan and machine. None without sharing.
  std::shared_ptr<cache::PrefixFolder> prefix_folder;
  // Tokens of the shortest text that is written there when its request ends; others are when a second one begins with
  // them.
  int64_t least_kept = 256;
  // Tokens that a step guesses for one sequence at most (draft.h). They take the rows of logits that nobody else needs.
  int64_t draft_tokens = 0;
  std::shared_ptr<PictureStore> pictures;  // null: the model sees none
  int64_t places = INT64_MAX;  // sequences that run at once at most, as far as there are rows of logits for them
};

// Of all that an engine has done.
struct EngineCounts {
  int64_t steps = 0;
  int64_t prompt_tokens = 0;    // of admitted requests
  int64_t reused_tokens = 0;    // of these, the ones that the cache held
  int64_t computed_tokens = 0;  // rows that went through the model, answers too
  int64_t answer_tokens = 0;
  int64_t preemptions = 0;
  int64_t drafted_tokens = 0;   // guesses that were computed
  int64_t accepted_tokens = 0;  // of these, the ones that were drawn then
  int64_t compared_tokens = 0;  // of waiting prompts, found to be in a prompt that is being read
  int64_t pictures = 0;         // of admitted requests
  int64_t reused_pictures = 0;  // of these, the ones that need not be encoded
};

// One thread owns an engine with its model and cache. A request yields the same tokens whatever else is running,
// however long the steps are, whatever the cache remembers, whatever is guessed and however many threads the machine
// has.
class Engine {
 public:
  // Gets the memory of the plan and nothing beyond it. The model must outlive the engine.
  static Result<std::unique_ptr<Engine>> create(const llama4::Model& model, const llama4::MemoryPlan& plan,
                                                const EngineOptions& options = {});

  // Whether a request could be answered. Refused: an empty prompt, ids outside the vocabulary, sampling parameters out
  // of range, a prompt that leaves no room in the context. May be called by any thread.
  Result<void> check(const Request& request) const;

  // Queues a request that check() lets through.
  Result<RequestId> submit(Request request);

  // Ends a request; its listener hears kCancelled. Unknown and finished ids do nothing.
  void cancel(RequestId id);

  // One step for all that run. False when there is nothing to do, and nothing to write into the folder.
  bool step();

  int64_t context() const { return plan_.context; }
  const cache::KvCache& kv_cache() const { return *kv_cache_; }
  const EngineCounts& counts() const { return counts_; }
  const PictureStore* pictures() const { return options_.pictures.get(); }                   // null: none
  const cache::PrefixFolder* prefix_folder() const { return options_.prefix_folder.get(); }  // null: none
  size_t waiting() const { return waiting_.size(); }
  size_t running() const { return sequences_.size() - waiting_.size(); }

 private:
  struct Sequence {
    Request request;
    std::vector<int32_t> tokens;  // prompt and answer; marks where pictures are
    PlacedPictures pictures;
    Sampler sampler;
    DraftLength draft_length;
    int64_t most_tokens = 0;                    // tokens.size() never exceeds it
    std::optional<cache::SequenceCache> cache;  // while it has a place
    std::optional<int64_t> reused;              // tokens that the cache held when it first got a place
    bool waited_for_pictures = false;           // when it did
    std::vector<int32_t> draft;                 // that the step computes after `tokens`
    std::map<RequestId, int64_t> shared;        // while it waits: tokens at the start that others have too
    bool cancelled = false;
  };
  // What one sequence says in a step: a token, and another for each token of its draft that was right. With the last
  // one it may have finished; with kError there was none to follow.
  struct Said {
    std::vector<Sampler::Choice> tokens;
    std::optional<FinishReason> finished;
    int64_t accepted = 0;  // tokens of the draft
  };
  // kTextIsComing: computed by another, or from the disk, or a picture is being encoded.
  enum class Admission { kAdmitted, kNoRoom, kTextIsComing };

  Engine(const llama4::Model& model, const llama4::MemoryPlan& plan, const EngineOptions& options);
  void drop_ended();
  void admit_waiting();
  static const cache::Variant& variant_of(const Sequence& sequence);
  std::span<const int32_t> kept_part(const Sequence& sequence, int64_t length) const;
  Admission try_admit(RequestId id, Sequence& sequence);
  bool is_read_by_another(Sequence& sequence, int64_t held);
  std::vector<Slice> schedule();
  void make_room(std::vector<Slice>& batch);
  RequestId least_important() const;
  void preempt(RequestId id);
  void draft(const std::vector<Slice>& batch);
  void encode_pictures(double step_seconds);
  void forward(const std::vector<Slice>& batch);
  std::vector<Said> sample(const std::vector<Slice>& batch);  // of each slice that wants logits
  Said say(Sequence& sequence, size_t logits_row);
  std::optional<Sampler::Choice> sample_row(Sequence& sequence, size_t logits_row);
  void note(const std::vector<Slice>& batch, double seconds);
  void commit(const std::vector<Slice>& batch, std::vector<Said> said);
  void commit_said(const Slice& slice, Sequence& sequence, Said said);
  void commit_rows(const Slice& slice, Sequence& sequence);
  void commit_token(RequestId id, Sequence& sequence, Sampler::Choice choice, std::optional<FinishReason> finished);
  void finish(RequestId id, FinishReason reason, Event last);
  void remember(Sequence& sequence, int64_t computed, bool last);

  const llama4::Model& model_;
  llama4::MemoryPlan plan_;
  EngineOptions options_;
  llama4::KvMemory kv_memory_;
  std::unique_ptr<cache::KvCache> kv_cache_;
  std::optional<KeptPrefixes> kept_;
  llama4::Activations activations_;
  Scheduler scheduler_;
  Pace pace_;
  std::map<RequestId, Sequence> sequences_;
  WaitingQueue waiting_;
  std::vector<float> logits_;  // scratch for one row
  EngineCounts counts_;
  RequestId next_id_ = 1;
};

}  // namespace paddock::engine
