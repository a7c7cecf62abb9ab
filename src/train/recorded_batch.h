// SPDX-License-Identifier: Apache-2.0
#pragma once
// Documents of a distillation record packed into a batch, with what the teacher said of each token.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "distil/record.h"
#include "train/batch.h"
#include "train/pass.h"

namespace paddock::train {

// Rows of tokens, and beside them the arrays of train::TeacherSays. Tokens that were not recorded are no targets; what
// stands there for the teacher is never looked at.
struct RecordedBatch {
  Batch batch;
  std::vector<int32_t> ids;      // [T, K]
  std::vector<float> logprobs;   // [T, K]
  std::vector<float> tails;      // [T]
  std::vector<float> following;  // [T], log-probability of the target; 0 where there is none
  int64_t kept = 0;              // K

  // Of spans into this; `alphas` are the caller's (train/trust.h).
  TeacherSays says(float temperature, float alpha, std::span<const float> alphas = {}) const;
};

// Packs documents in a given order: each goes into the row that is being filled if it fits, else into the next, else
// into the next batch. What is left of a row is filled with tokens that are no targets, one document of their own.
class RecordedBatches {
 public:
  // The record outlives it. Refused: a record with documents longer than `length`, or a vocabulary larger than the
  // student's.
  static Result<RecordedBatches> create(const distil::Record& record, int64_t rows, int64_t length, int64_t vocabulary);

  // Documents `order[*next]` and on, as many as fit; *next becomes the first that did not. The same order and place
  // give the same batch, so that they are all that a checkpoint of a training has to hold. Missing at the end.
  Result<std::optional<RecordedBatch>> take(std::span<const int64_t> order, size_t* next) const;

 private:
  RecordedBatches(const distil::Record& record, int64_t rows, int64_t length)
      : record_(&record), rows_(rows), length_(length) {}

  const distil::Record* record_;
  int64_t rows_, length_;
};

}  // namespace paddock::train
