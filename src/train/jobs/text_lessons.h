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

  int64_t steps_per_epoch() override { return count_steps(&train_, recipe_.data.accumulate); }
  TokenTotals totals() const override;
  Result<LessonResult> learn(Pass* pass, DataPosition* position, double progress) override;
  Result<std::optional<LessonResult>> evaluate(Pass* pass, int64_t batches) override;

 private:
  TextLessons(const Recipe& recipe, const TokenStore* store, Packer train, Packer held_out);

  const Recipe& recipe_;
  const TokenStore& store_;
  Packer train_, held_out_;
};

}  // namespace paddock::train
