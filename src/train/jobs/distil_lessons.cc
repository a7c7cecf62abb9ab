// SPDX-License-Identifier: Apache-2.0
#include "train/jobs/distil_lessons.h"

#include "train/random.h"
#include "train/trust.h"

namespace paddock::train {
namespace {

std::vector<int64_t> all_of(const distil::Record& record) { return split_documents(record.documents(), 1, 0, 0).train; }

// What of each token's loss is the teacher's.
std::vector<float> shares_of(const RecordedBatch& recorded, double alpha, double progress) {
  if (alpha >= 0) return std::vector<float>(recorded.following.size(), static_cast<float>(alpha));
  return teacher_shares({}, progress, recorded.following);
}

}  // namespace

DistilLessons::DistilLessons(const Recipe& recipe, Source train, Source held_out)
    : recipe_(recipe), train_(std::move(train)), held_out_(std::move(held_out)) {}

Result<std::unique_ptr<Lessons>> DistilLessons::create(const Recipe& recipe, const Digest& tokenizer,
                                                       int64_t vocabulary) {
  const auto open = [&](const std::vector<std::string>& folders, const char* key) -> Result<Source> {
    if (folders.size() != 1)
      return error(ErrorCode::kInvalidArgument, "{}: expected the folder of one record, found {}", key, folders.size());
    Source source;
    source.record = std::make_unique<distil::Record>(TRY(distil::Record::open(folders.front())));
    TRY_VOID(distil::require_tokenizer(source.record->facts(), tokenizer, "the student"));
    source.batches = TRY(RecordedBatches::create(*source.record, recipe.data.rows, recipe.data.length, vocabulary));
    source.documents = all_of(*source.record);
    return source;
  };
  Source train = TRY(open(recipe.data.train, "data.train")), held_out;
  if (recipe.data.held_out.empty()) {
    Split split =
        split_documents(train.record->documents(), 1, recipe.data.held_out_share, static_cast<uint64_t>(recipe.seed));
    train.documents = std::move(split.train);
    held_out.batches = train.batches;
    held_out.documents = std::move(split.held_out);
  } else {
    held_out = TRY(open(recipe.data.held_out, "data.held_out"));
  }
  if (train.documents.empty())
    return error(ErrorCode::kBadFile, "{}: expected documents to learn, found none", recipe.data.train.front());
  return std::unique_ptr<Lessons>(new DistilLessons(recipe, std::move(train), std::move(held_out)));
}

void DistilLessons::begin_epoch(int64_t epoch) {
  order_ = train_.documents;
  shuffle(&order_, RandomNumbers(static_cast<uint64_t>(recipe_.seed), static_cast<uint64_t>(epoch)));
  epoch_ = epoch;
}

TokenTotals DistilLessons::totals() const {
  const distil::RecordCounts& counts = train_.record->counts();
  return {.documents = counts.documents, .tokens = counts.tokens, .trained = counts.places};
}

// As many as its tokens would fill, which is fewer than it takes: an epoch ends where the data end.
int64_t DistilLessons::steps_per_epoch() {
  const int64_t tokens = recipe_.data.rows * recipe_.data.length * recipe_.data.accumulate;
  return std::max<int64_t>(1, (totals().tokens + tokens - 1) / tokens);
}

Result<LessonResult> DistilLessons::learn(Pass* pass, DataPosition* position, double progress) {
  std::vector<RecordedBatch> batches;
  int64_t targets = 0;
  while (static_cast<int64_t>(batches.size()) < recipe_.data.accumulate || targets == 0) {
    if (position->next >= static_cast<int64_t>(train_.documents.size())) *position = {position->epoch + 1, 0, 0};
    if (epoch_ != position->epoch) begin_epoch(position->epoch);
    auto next = static_cast<size_t>(position->next);
    std::optional<RecordedBatch> batch = TRY(train_.batches->take(order_, &next));
    position->next = static_cast<int64_t>(next);
    targets += target_count(batch->batch);
    batches.push_back(std::move(*batch));
  }
  LessonResult sum;
  const double of_batches = 1.0 / static_cast<double>(batches.size());
  for (const RecordedBatch& recorded : batches) {
    const std::vector<float> shares = shares_of(recorded, recipe_.distil.alpha, progress);
    const std::vector<float> weights(static_cast<size_t>(recorded.batch.count()),
                                     static_cast<float>(1.0 / static_cast<double>(targets)));
    const PassResult result =
        pass->run(recorded.batch, {.balance_weight = static_cast<float>(recipe_.balance.aux * of_batches),
                                   .z_weight = static_cast<float>(recipe_.balance.z * of_batches),
                                   .teacher = recorded.says(static_cast<float>(recipe_.distil.temperature), 1, shares),
                                   .token_weights = weights});
    const double share = static_cast<double>(result.targets) / static_cast<double>(targets);
    add_result(result, recorded.batch, {share, of_batches}, &sum);
    sum.loss += share * result.token_loss;
    sum.batches.push_back(recorded.batch);
  }
  sum.loss += recipe_.balance.aux * sum.balance + recipe_.balance.z * sum.z;
  return sum;
}

Result<std::optional<LessonResult>> DistilLessons::evaluate(Pass* pass, int64_t batches) {
  std::vector<RecordedBatch> all;
  size_t next = 0;
  int64_t targets = 0;
  while (static_cast<int64_t>(all.size()) < batches) {
    std::optional<RecordedBatch> batch = TRY(held_out_.batches->take(held_out_.documents, &next));
    if (!batch) break;
    targets += target_count(batch->batch);
    all.push_back(std::move(*batch));
  }
  if (targets == 0) return std::nullopt;
  LessonResult sum;
  for (const RecordedBatch& recorded : all) {
    const PassResult result = pass->run(recorded.batch, {.gradients = false, .teacher = recorded.says(1, 1)});
    add_result(
        result, recorded.batch,
        {static_cast<double>(result.targets) / static_cast<double>(targets), 1.0 / static_cast<double>(all.size())},
        &sum);
  }
  // What a student of texts alone would be measured by too.
  sum.loss = sum.cross_entropy;
  return sum;
}

}  // namespace paddock::train
