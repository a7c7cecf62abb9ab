// SPDX-License-Identifier: Apache-2.0
#pragma once
// How likely a given text is under the model, and what the model computes on the way.

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/result.h"
#include "engine/picture_store.h"
#include "llama4/forward.h"
#include "llama4/memory_plan.h"
#include "llama4/model.h"

namespace paddock::engine {

// What score() shows of its inside; each may be empty. Rows are positions of the text.
struct ScoreSinks {
  std::function<void(int64_t row, std::span<const float> logits)> logits;                 // [V]
  std::function<void(int layer, int64_t row, std::span<const float> hidden)> hidden;      // [D]; -1: the embedding
  std::function<void(int layer, int64_t row, std::span<const int32_t> experts)> experts;  // [K]
  std::function<void(int layer, int64_t row, std::span<const float> gated)> gated;        // [F], of the shared MLP
  std::function<void(int64_t done)> progress;                                             // tokens computed
};

struct Score {
  int64_t scored_tokens = 0;  // all but the first, which nothing predicts
  double mean_nll = 0;        // of the scored tokens, natural logarithm; 0 when there are none
  std::vector<float> nll;     // of each scored token
};

// Pictures of the text, and what makes embeddings of them.
struct ScoredPictures {
  std::vector<Picture> pictures;
  PictureStore* store = nullptr;
};

// Runs the text through the model, or the model with the adapter, in pieces of plan.limits.tokens. Positions [0, T)
// must fit the plan's context.
Result<Score> score(const llama4::Model& model, const llama4::MemoryPlan& plan, std::span<const int32_t> tokens,
                    const ScoreSinks& sinks = {}, const ScoredPictures& pictures = {},
                    const llama4::Adapter* adapter = nullptr);

}  // namespace paddock::engine
