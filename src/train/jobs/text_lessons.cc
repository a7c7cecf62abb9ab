// SPDX-License-Identifier: Apache-2.0
#include "train/jobs/text_lessons.h"

namespace paddock::train {
namespace {

PackWishes pack_wishes(const Recipe& recipe, uint64_t seed) {
  return {
      .length = recipe.data.length, .rows = recipe.data.rows, .split = recipe.kind == JobKind::kPretrain, .seed = seed};
}

int64_t all_targets(const std::vector<Batch>& batches) {
  int64_t targets = 0;
  for (const Batch& batch : batches) targets += target_count(batch);
  return targets;
}

std::vector<int64_t> all_documents(const TokenStore& store) {
  return split_documents(store.totals().documents, 1, 0, 0).train;
}

}  // namespace

TextLessons::TextLessons(const Recipe& recipe, const TokenStore* store, Packer train, Packer held_out)
    : recipe_(recipe), store_(*store), train_(std::move(train)), held_out_(std::move(held_out)) {}

Result<std::unique_ptr<Lessons>> TextLessons::create(const Recipe& recipe, const TokenStore* train,
                                                     const TokenStore* held_out) {
  const auto seed = static_cast<uint64_t>(recipe.seed);
  const Split split =
      split_documents(train->totals().documents, 1, held_out == nullptr ? recipe.data.held_out_share : 0, seed);
  Packer packer(train, split.train, pack_wishes(recipe, seed));
  if (packer.empty())
    return error(ErrorCode::kBadFile, "data.train: expected something to learn, found {} examples without any",
                 train->totals().documents);
  // Evaluations are of the same batches each time, in the order of the data.
  Packer kept = held_out == nullptr ? Packer(train, split.held_out, pack_wishes(recipe, 0))
                                    : Packer(held_out, all_documents(*held_out), pack_wishes(recipe, 0));
  return std::unique_ptr<Lessons>(new TextLessons(recipe, train, std::move(packer), std::move(kept)));
}

TokenTotals TextLessons::totals() const { return store_.totals(); }

// The loss is the mean over all targets of the step.
Result<LessonResult> TextLessons::learn(Pass* pass, DataPosition* position, double) {
  std::vector<Batch> batches;
  for (int64_t index = 0; index < recipe_.data.accumulate; ++index) batches.push_back(train_.next(position));
  const auto targets = static_cast<double>(all_targets(batches));
  const double of_batches = 1.0 / static_cast<double>(batches.size());
  LessonResult sum;
  for (const Batch& batch : batches) {
    const std::vector<float> weights(static_cast<size_t>(batch.count()), static_cast<float>(1 / targets));
    const PassResult result = pass->run(batch, {.balance_weight = static_cast<float>(recipe_.balance.aux * of_batches),
                                                .z_weight = static_cast<float>(recipe_.balance.z * of_batches),
                                                .token_weights = weights});
    add_result(result, batch, {static_cast<double>(result.targets) / targets, of_batches}, &sum);
  }
  sum.loss = sum.cross_entropy + recipe_.balance.aux * sum.balance + recipe_.balance.z * sum.z;
  sum.batches = std::move(batches);
  return sum;
}

Result<std::optional<LessonResult>> TextLessons::evaluate(Pass* pass, int64_t batches) {
  if (held_out_.empty() || batches < 1) return std::nullopt;
  DataPosition position;
  std::vector<Batch> all;
  while (static_cast<int64_t>(all.size()) < batches && position.epoch == 0 && position.next < held_out_.documents())
    all.push_back(held_out_.next(&position));
  const auto targets = static_cast<double>(all_targets(all));
  LessonResult sum;
  for (const Batch& batch : all) {
    const PassResult result = pass->run(batch, {.gradients = false});
    add_result(result, batch, {static_cast<double>(result.targets) / targets, 1.0 / static_cast<double>(all.size())},
               &sum);
  }
  sum.loss = sum.cross_entropy;
  return sum;
}

}  // namespace paddock::train
