// SPDX-License-Identifier: Apache-2.0
#include "engine/score.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/check.h"
#include "cache/kv_cache.h"
#include "engine/placed_pictures.h"

namespace paddock::engine {
namespace {

// -ln softmax(logits)[token]
float negative_log_likelihood(std::span<const float> logits, int32_t token) {
  const double maximum = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - maximum);
  return static_cast<float>(maximum + std::log(sum) - logits[static_cast<size_t>(token)]);
}

// Copies what a step shows to the sinks, row by row.
class SinkObserver : public llama4::Observer {
 public:
  SinkObserver(kernels::Machine* machine, const ScoreSinks& sinks) : machine_(*machine), sinks_(sinks) {}

  void start_piece(int64_t first_row) { first_row_ = first_row; }

  void hidden(int layer, const kernels::Rows& x_TD) override { give(sinks_.hidden, layer, x_TD); }
  void gated(int layer, const kernels::Rows& gated_TF) override { give(sinks_.gated, layer, gated_TF); }

  void routed(int layer, const kernels::Routing& routing) override {
    if (!sinks_.experts) return;
    std::vector<int32_t> experts(static_cast<size_t>(routing.chosen));
    for (int64_t token = 0; token < routing.tokens; ++token) {
      machine_.read(routing.experts_TK.plus(static_cast<size_t>(token) * experts.size() * sizeof(int32_t)),
                    std::as_writable_bytes(std::span(experts)));
      sinks_.experts(layer, first_row_ + token, experts);
    }
  }

 private:
  void give(const std::function<void(int, int64_t, std::span<const float>)>& sink, int layer,
            const kernels::Rows& rows) {
    if (!sink) return;
    std::vector<float> row(static_cast<size_t>(rows.width));
    for (int64_t token = 0; token < rows.rows; ++token) {
      machine_.read(rows.address.plus(static_cast<size_t>(token) * row.size() * sizeof(float)),
                    std::as_writable_bytes(std::span(row)));
      sink(layer, first_row_ + token, row);
    }
  }

  kernels::Machine& machine_;
  const ScoreSinks& sinks_;
  int64_t first_row_ = 0;
};

}  // namespace

Result<Score> score(const llama4::Model& model, const llama4::MemoryPlan& plan, std::span<const int32_t> tokens,
                    const ScoreSinks& sinks, const ScoredPictures& pictures, const llama4::Adapter* adapter) {
  const auto count = static_cast<int64_t>(tokens.size());
  if (count == 0) return error(ErrorCode::kInvalidArgument, "text to score: expected at least one token, found none");
  if (count > plan.context)
    return error(ErrorCode::kLimit, "text to score: expected at most {} tokens, found {}", plan.context, count);
  for (const int32_t token : tokens)
    if (token < 0 || token >= model.config.vocabulary)
      return error(ErrorCode::kInvalidArgument,
                   "text to score: expected token ids below the vocabulary of {}, found {}", model.config.vocabulary,
                   token);

  TRY_VOID(PlacedPictures::check(pictures.pictures, count, pictures.store));
  std::vector<int32_t> marked(tokens.begin(), tokens.end());
  PlacedPictures placed(pictures.pictures, pictures.store, marked);
  if (pictures.store != nullptr) pictures.store->begin_round();
  while (!placed.empty() && !placed.hold(0, pictures.store)) pictures.store->advance(1, 1);

  cache::KvCache kv_cache(cache_shape(model.config, plan.cache), plan.cache_pages, plan.limits.tokens);
  const llama4::KvMemory memory =
      TRY(llama4::KvMemory::allocate(model.config, kv_cache.shape(), plan.cache_pages, model.machine));
  llama4::Activations activations = TRY(llama4::allocate_activations(model.config, plan.limits, model.machine));
  cache::SequenceCache sequence = kv_cache.begin();
  SinkObserver observer(model.machine, sinks);
  const bool observed = sinks.hidden || sinks.experts || sinks.gated;

  Score result;
  std::vector<float> logits(static_cast<size_t>(model.config.vocabulary));
  // Every row's logits are wanted, so a piece is as long as the fewer of the two limits.
  const int64_t piece = std::min(plan.limits.tokens, plan.limits.logits);
  std::vector<int32_t> all_rows(static_cast<size_t>(piece));
  std::iota(all_rows.begin(), all_rows.end(), 0);
  for (int64_t first = 0; first < count; first += piece) {
    const int64_t rows = std::min(piece, count - first);
    CHECK(sequence.extend(first + rows));
    observer.start_piece(first);
    std::vector<llama4::GivenRows> given;
    const std::vector<int32_t> ids =
        placed.fill(std::span(marked).subspan(static_cast<size_t>(first), static_cast<size_t>(rows)), first, 0, &given);
    const llama4::StepSequence part{ids, first, &sequence, adapter};
    llama4::forward(model, {{&part, 1}, std::span(all_rows).first(static_cast<size_t>(rows)), given}, memory,
                    &activations, observed ? &observer : nullptr);
    sequence.accept(first + rows);
    for (int64_t row = 0; row < rows; ++row) {
      model.machine->read(activations.logits_RV.address.plus(static_cast<size_t>(row) * logits.size() * sizeof(float)),
                          std::as_writable_bytes(std::span(logits)));
      if (sinks.logits) sinks.logits(first + row, logits);
      if (first + row + 1 < count)
        result.nll.push_back(negative_log_likelihood(logits, tokens[static_cast<size_t>(first + row + 1)]));
    }
    if (sinks.progress) sinks.progress(first + rows);
  }
  result.scored_tokens = static_cast<int64_t>(result.nll.size());
  if (result.scored_tokens > 0)
    result.mean_nll =
        std::accumulate(result.nll.begin(), result.nll.end(), 0.0) / static_cast<double>(result.scored_tokens);
  return result;
}

}  // namespace paddock::engine
