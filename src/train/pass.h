// SPDX-License-Identifier: Apache-2.0
#pragma once
// One pass of training: tokens to a loss, and back to the gradient of every parameter.

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "train/batch.h"
#include "train/tape.h"
#include "train/trained_model.h"

namespace paddock::train {

// What a teacher said of each token of a batch (kernels/contracts/training/token_loss.h).
struct TeacherSays {
  std::span<const int32_t> ids;     // [T, K]
  std::span<const float> logprobs;  // [T, K]
  std::span<const float> tails;     // [T]
  int64_t kept = 0;                 // K
  float temperature = 1, alpha = 1;
  std::span<const float> alphas;  // [T], of each token instead of alpha; empty: none
};

struct PassWishes {
  bool gradients = true;
  float balance_weight = 0, z_weight = 0;  // of the losses that keep experts evenly used
  std::optional<TeacherSays> teacher;
  // d loss / d token loss for each token; empty: one over the number of targets, which makes the loss their mean.
  std::span<const float> token_weights;
};

struct PassResult {
  double loss = 0;            // what the gradients are of, as long as token_weights is empty
  double token_loss = 0;      // of it, without the losses of experts
  double cross_entropy = 0;   // mean over targets
  double divergence = 0;      // from the teacher, mean over targets
  double balance = 0, z = 0;  // mean over MoE layers; 0 where there is none
  int64_t targets = 0;
  std::vector<double> token_losses;                     // [T]
  std::vector<std::vector<int64_t>> tokens_per_expert;  // [L][E], choices; empty for dense layers
};

class Pass {
 public:
  // For batches of up to `wishes.tokens` tokens.
  static Result<Pass> create(const TrainedModel& model, const TapeWishes& wishes);
  static size_t bytes(const llama4::Config& config, const TapeWishes& wishes);

  // Gradients are added to what is there.
  PassResult run(const Batch& batch, const PassWishes& wishes);

  // Works with other weights of what is trained, laid out alike, from now on.
  void use(kernels::Address trained_weights) {
    (model_.adapter == nullptr ? model_.weights : model_.adapter_weights) = trained_weights;
  }

  // Hears of each piece of logits, [rows, V] from row `first` on, before the losses: for tests and tools.
  using LogitsObserver = std::function<void(int64_t first, const kernels::Rows& logits)>;
  void observe_logits(LogitsObserver observer) { observer_ = std::move(observer); }

 private:
  Pass(const TrainedModel& model, const TapeWishes& wishes, kernels::Buffer memory);

  TrainedModel model_;
  TapeWishes wishes_;
  kernels::Buffer memory_;
  LogitsObserver observer_;
};

}  // namespace paddock::train
