// SPDX-License-Identifier: Apache-2.0
#pragma once
// One layer forward and backward, sentence by sentence the mirror of llama4/forward.

#include <cstdint>
#include <span>
#include <vector>

#include "train/batch.h"
#include "train/tape.h"
#include "train/trained_model.h"

namespace paddock::train {

// What all layers need to know of a batch.
struct BatchFacts {
  std::vector<int64_t> positions;          // [T]
  std::vector<int32_t> first_of_document;  // [T], what a token sees from on (kernels/contracts/training)
  std::vector<int32_t> first_of_chunk;     // the same within its chunk
};
BatchFacts facts_of(const Batch& batch, const llama4::Config& config);

// The tokens of each expert, side by side.
struct ExpertRows {
  std::vector<int32_t> choice_of_row, row_of_choice;
  std::vector<int64_t> first_row;  // [E + 1]
  std::vector<float> fractions;    // [E], of all choices

  kernels::ExpertOrder order(int64_t chosen) const { return {choice_of_row, row_of_choice, chosen}; }
  int64_t rows_of(size_t expert) const { return first_row[expert + 1] - first_row[expert]; }
};
ExpertRows sort_by_expert(std::span<const int32_t> choices, int64_t experts);

class LayerPass {
 public:
  LayerPass(const TrainedModel& model, size_t layer, LayerTape* tape, const Workspace& work, const BatchFacts& facts);

  // tape.x -> out. Returns the choices of a MoE layer.
  ExpertRows forward(const kernels::Rows& out);
  // work.dx, the gradient of what the layer wrote, becomes that of what it read.
  void backward(const ExpertRows& experts, float balance_weight, float z_weight);
  kernels::BalanceTerms balance(const ExpertRows& experts) const;

 private:
  void attention_forward();
  void attention_backward();
  void mlp_forward(const kernels::Rows& out);
  void mlp_backward();
  ExpertRows experts_forward(const kernels::Rows& out);
  void experts_backward(const ExpertRows& experts, float balance_weight, float z_weight);

  void norm(size_t weight, const kernels::Rows& x);           // to work.normed
  void norm_backward(size_t weight, const kernels::Rows& x);  // work.dnormed is added to work.dx
  void turn(const kernels::Rows& x, bool back) const;
  kernels::AttendDocuments attention() const;
  kernels::Matrix router() const;
  std::vector<Use> expert_uses(size_t parameter, const ExpertRows& experts, const kernels::Rows& x,
                               const kernels::Rows& y, const kernels::Rows& dx) const;

  const TrainedModel& model_;
  const llama4::Config& config_;
  const llama4::LayerPlan& plan_;
  const LayerParameters& parameters_;
  kernels::Trainer& trainer_;
  kernels::Machine& machine_;
  LayerTape& tape_;
  const Workspace& work_;
  const BatchFacts& facts_;
  Linears linears_;
  std::span<const float> bias_;  // [E] of the choice; empty: none
};

}  // namespace paddock::train
