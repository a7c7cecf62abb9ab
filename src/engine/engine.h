// SPDX-License-Identifier: Apache-2.0
#pragma once
// Sequences to tokens: many requests share one model and one cache.

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/result.h"
#include "cache/kv_cache.h"
#include "engine/request.h"
#include "engine/sampler.h"
#include "engine/scheduler.h"
#include "llama4/forward.h"
#include "llama4/memory_plan.h"
#include "llama4/model.h"

namespace paddock::engine {

// One thread owns an engine with its model and cache. A request yields the same tokens whatever else is running,
// however long the steps are and however many threads the machine has.
class Engine {
 public:
  // Gets the memory of the plan and nothing beyond it. The model must outlive the engine.
  static Result<std::unique_ptr<Engine>> create(const llama4::Model& model, const llama4::MemoryPlan& plan);

  // Queues a request. Refused: an empty prompt, ids outside the vocabulary, sampling parameters out of range, a prompt
  // that leaves no room in the context.
  Result<RequestId> submit(Request request);

  // Ends a request; its listener hears kCancelled. Unknown and finished ids do nothing.
  void cancel(RequestId id);

  // Gives up a kept cache.
  void forget(RequestId id) { kept_.erase(id); }

  // One step for all that run. False when there is nothing to do.
  bool step();

  int64_t context() const { return plan_.context; }
  const cache::KvCache& kv_cache() const { return *kv_cache_; }

 private:
  struct Sequence {
    Request request;
    std::vector<int32_t> tokens;  // prompt and answer
    Sampler sampler;
    int64_t most_tokens = 0;                    // tokens.size() never exceeds it
    std::optional<cache::SequenceCache> cache;  // once admitted
    int64_t reused = 0;                         // tokens that a kept cache held
    bool cancelled = false;
  };
  struct Kept {
    std::vector<int32_t> tokens;
    cache::SequenceCache cache;
  };

  Engine(const llama4::Model& model, const llama4::MemoryPlan& plan);
  void admit_waiting();
  bool try_admit(RequestId id, Sequence& sequence);
  int64_t reuse_kept(Sequence& sequence);
  std::vector<Slice> schedule();
  void forward(const std::vector<Slice>& batch);
  // One for each slice that wants logits; none where they are not finite.
  std::vector<std::optional<Sampler::Choice>> sample(const std::vector<Slice>& batch);
  void commit(const std::vector<Slice>& batch, std::vector<std::optional<Sampler::Choice>> choices);
  void commit_token(RequestId id, Sequence& sequence, Sampler::Choice choice);
  void finish(RequestId id, FinishReason reason, Event last);
  void drop_cancelled();

  const llama4::Model& model_;
  llama4::MemoryPlan plan_;
  std::unique_ptr<cache::KvCache> kv_cache_;
  llama4::KvMemory kv_memory_;
  llama4::Activations activations_;
  Scheduler scheduler_;
  std::map<RequestId, Sequence> sequences_;
  std::deque<RequestId> waiting_;
  std::map<RequestId, Kept> kept_;
  std::vector<float> logits_;  // scratch for one row
  RequestId next_id_ = 1;
};

}  // namespace paddock::engine
