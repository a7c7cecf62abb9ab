// SPDX-License-Identifier: Apache-2.0
#pragma once
// Lessons of a record of what a teacher said (docs/distil.md).

#include "distil/record.h"
#include "train/jobs/lessons.h"
#include "train/recorded_batch.h"

namespace paddock::train {

class DistilLessons : public Lessons {
 public:
  // data.train names the folder of a record, data.held_out may name another. Refused: records of another tokenizer.
  static Result<std::unique_ptr<Lessons>> create(const Recipe& recipe, const Digest& tokenizer, int64_t vocabulary);

  int64_t steps_per_epoch() override;
  TokenTotals totals() const override;
  Result<LessonResult> learn(Pass* pass, DataPosition* position, double progress) override;
  Result<std::optional<LessonResult>> evaluate(Pass* pass, int64_t batches) override;

 private:
  // Documents of a record, and how they become batches.
  struct Source {
    std::unique_ptr<distil::Record> record;  // held-out documents may be of the other's
    std::optional<RecordedBatches> batches;
    std::vector<int64_t> documents;
  };

  DistilLessons(const Recipe& recipe, Source train, Source held_out);
  void begin_epoch(int64_t epoch);

  const Recipe& recipe_;
  Source train_, held_out_;
  std::vector<int64_t> order_;
  int64_t epoch_ = -1;
};

}  // namespace paddock::train
