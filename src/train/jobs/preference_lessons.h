// SPDX-License-Identifier: Apache-2.0
#pragma once
// Lessons of pairs: the answer that was chosen rather than the one that was rejected (train/preference.h).

#include <filesystem>

#include "train/jobs/lessons.h"

namespace paddock::train {

class PreferenceLessons : public Lessons {
 public:
  // Documents come in pairs. The stores outlive it; `held_out` null: a share of the training data is kept for it.
  static Result<std::unique_ptr<Lessons>> create(const Recipe& recipe, const TokenStore* train,
                                                 const TokenStore* held_out);

  // What the model says of every answer before it learns: kept in `file` for a job that goes on. `of` names model and
  // data.
  Result<void> ask_reference(Pass* pass, const std::filesystem::path& file, const std::string& of);

  int64_t steps_per_epoch() override;
  TokenTotals totals() const override;
  Result<LessonResult> learn(Pass* pass, DataPosition* position, double progress) override;
  Result<std::optional<LessonResult>> evaluate(Pass* pass, int64_t batches) override;

 private:
  // Pairs of a store, by the first of their documents, and the sums that the reference gave to each document.
  struct Pairs {
    const TokenStore* store = nullptr;
    std::vector<int64_t> first;
    std::vector<double> reference;  // of document 2 i + 0 and + 1 of the pair i
  };

  PreferenceLessons(const Recipe& recipe, Pairs train, Pairs held_out);

  // A row for each answer, cut to a row's length.
  Batch batch_of(const Pairs& pairs, std::span<const int64_t> chosen) const;
  // Sums of log-probabilities over what is learned, by row.
  static std::vector<double> sums_of(const Batch& batch, const PassResult& result);
  std::vector<double> ask(const Pairs& pairs, Pass* pass) const;
  // Of some pairs: how they stand, and with `learn` the gradients of their share of the loss.
  LessonResult judge(const Pairs& pairs, std::span<const int64_t> chosen, double share, bool learn, Pass* pass) const;

  const Recipe& recipe_;
  int64_t pairs_at_once_;
  Pairs train_, held_out_;
  std::vector<int64_t> order_;
  int64_t epoch_ = -1;
};

}  // namespace paddock::train
