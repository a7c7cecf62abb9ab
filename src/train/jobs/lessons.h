// SPDX-License-Identifier: Apache-2.0
#pragma once
// What one step of a job learns from, and what its held-out data say.

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/result.h"
#include "train/data/packer.h"
#include "train/pass.h"
#include "train/recipe/recipe.h"

namespace paddock::train {

struct LessonResult {
  double loss = 0;           // what was learned from
  double cross_entropy = 0;  // mean over targets
  double divergence = 0;     // from a teacher
  double balance = 0, z = 0;
  double preferred = 0;             // share of pairs whose chosen answer is ahead; of preferences alone
  int64_t targets = 0, tokens = 0;  // tokens that were run, padding included
  std::vector<std::vector<int64_t>> tokens_per_expert;  // [L][E]
  std::vector<Batch> batches;                           // that it was made of
};

class Lessons {
 public:
  virtual ~Lessons() = default;

  virtual int64_t steps_per_epoch() = 0;

  // Of the training data.
  virtual TokenTotals totals() const = 0;

  // Adds the gradients of a step to what is there; the position moves on. `progress` is the share of all steps that is
  // done.
  virtual Result<LessonResult> learn(Pass* pass, DataPosition* position, double progress) = 0;
  // Of at most `batches` held-out batches; nothing where there are none.
  virtual Result<std::optional<LessonResult>> evaluate(Pass* pass, int64_t batches) = 0;
};

// What part of a step a batch is.
struct BatchShare {
  double targets = 1, batches = 1;
};

// Adds what a pass found to the sums of a step of several.
void add_result(const PassResult& result, const Batch& batch, const BatchShare& share, LessonResult* sum);

// Adds one that knows its own share.
void add_lesson(LessonResult part, LessonResult* sum);

// Steps until the position is in the next epoch: every batch of one is looked at, none is run.
int64_t count_steps(Packer* packer, int64_t batches_of_a_step);

}  // namespace paddock::train
