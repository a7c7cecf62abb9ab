// SPDX-License-Identifier: Apache-2.0
#pragma once
// Perplexity of a long text by the procedure that llama.cpp's tool made usual, so that figures can be compared: chunks
// that begin with an empty cache, of which the second half is scored. And how far two ways to compute the same model
// are apart.

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "llama4/adapter/adapter.h"
#include "llama4/memory_plan.h"
#include "llama4/model.h"

namespace paddock::engine {

struct Perplexity {
  int64_t chunks = 0;
  int64_t scored_tokens = 0;
  double mean_nll = 0;   // natural logarithm
  double nll_error = 0;  // standard error of the mean

  double perplexity() const;
  double perplexity_error() const;  // nll_error times the perplexity
};

// Of the scored positions of all chunks.
struct Divergence {
  double mean = 0;  // KL(expected || found), nats
  double largest = 0;
  double same_best = 0;  // share of positions at which both find the same token most likely
};

struct PerplexityRun {
  Perplexity found;
  std::optional<Perplexity> expected;
  std::optional<Divergence> divergence;
};

// Whole chunks of `length` tokens, the rest left out. `bos` replaces the first token of each, if given.
std::vector<std::vector<int32_t>> cut_chunks(std::span<const int32_t> tokens, int64_t length,
                                             std::optional<int32_t> bos);

// KL(expected || found) of two rows of logits, in nats.
double kl_divergence(std::span<const float> expected, std::span<const float> found);

// A way to compute: a machine's model, and a plan for one sequence of a chunk's length.
struct Computed {
  const llama4::Model& model;
  const llama4::MemoryPlan& plan;
  const llama4::Adapter* adapter = nullptr;
};

// The logits of positions [length / 2, length - 1) of each chunk predict the tokens after them. `expected` null: no
// comparison; otherwise the same weights on another machine, or with another cache. `progress` hears of each chunk.
Result<PerplexityRun> perplexity(const Computed& found, const Computed* expected,
                                 std::span<const std::vector<int32_t>> chunks,
                                 const std::function<void(int64_t done)>& progress = {});

}  // namespace paddock::engine
