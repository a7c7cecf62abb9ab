// SPDX-License-Identifier: Apache-2.0
#pragma once
// Lessons of texts and conversations: the next token.

#include "train/jobs/lessons.h"

namespace paddock::train {

class TextLessons : public Lessons {
 public:
  // The stores outlive it; `held_out` null: a share of the training data is kept for it.
  static Result<std::unique_ptr<Lessons>> create(const Recipe& recipe, const TokenStore* train,
                                                 const TokenStore* held_out);

  int64_t batch_tokens() const override { return recipe_.data.rows * recipe_.data.length; }
  int64_t steps_per_epoch() override { return count_steps(&train_, recipe_.data.accumulate); }
  LessonResult learn(Pass* pass, DataPosition* position) override;
  std::optional<LessonResult> evaluate(Pass* pass, int64_t batches) override;

 private:
  TextLessons(const Recipe& recipe, Packer train, Packer held_out);

  const Recipe& recipe_;
  Packer train_, held_out_;
};

// Runs the batches of a step with the loss that is the mean over all their targets.
LessonResult learn_batches(const Recipe& recipe, std::vector<Batch> batches, Pass* pass);

}  // namespace paddock::train
