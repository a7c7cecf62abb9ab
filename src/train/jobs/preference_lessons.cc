// SPDX-License-Identifier: Apache-2.0
#include "train/jobs/preference_lessons.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "checkpoint/checkpoint.h"
#include "checkpoint/safetensors_writer.h"
#include "kernels/contracts/training/token_loss.h"
#include "train/preference.h"
#include "train/random.h"

namespace paddock::train {
namespace {

constexpr const char* kTensor = "log_probabilities";

// Whether both answers are learned within a row.
bool is_whole(const TokenStore& store, int64_t first, int64_t length) {
  for (const int64_t document : {first, first + 1}) {
    const DocumentView view = store.document(document);
    const size_t seen = std::min(view.tokens.size(), static_cast<size_t>(length) + 1);
    if (std::ranges::count(view.is_trained.first(seen), 1) == 0) return false;
  }
  return true;
}

std::vector<int64_t> firsts_of(const TokenStore& store, const std::vector<int64_t>& documents, int64_t length) {
  std::vector<int64_t> firsts;
  for (size_t index = 0; index + 1 < documents.size(); index += 2)
    if (is_whole(store, documents[index], length)) firsts.push_back(documents[index]);
  return firsts;
}

}  // namespace

PreferenceLessons::PreferenceLessons(const Recipe& recipe, Pairs train, Pairs held_out)
    : recipe_(recipe),
      pairs_at_once_(std::max<int64_t>(1, recipe.data.rows / 2)),
      train_(std::move(train)),
      held_out_(std::move(held_out)) {}

Result<std::unique_ptr<Lessons>> PreferenceLessons::create(const Recipe& recipe, const TokenStore* train,
                                                           const TokenStore* held_out) {
  const double share = held_out == nullptr ? recipe.data.held_out_share : 0;
  const Split split = split_documents(train->totals().documents, 2, share, static_cast<uint64_t>(recipe.seed));
  Pairs learned = {train, firsts_of(*train, split.train, recipe.data.length), {}};
  if (learned.first.empty())
    return error(ErrorCode::kBadFile, "data.train: expected pairs of answers that fit rows of {} tokens, found none",
                 recipe.data.length);
  Pairs kept = {train, firsts_of(*train, split.held_out, recipe.data.length), {}};
  if (held_out != nullptr)
    kept = {held_out,
            firsts_of(*held_out, split_documents(held_out->totals().documents, 2, 0, 0).train, recipe.data.length),
            {}};
  return std::unique_ptr<Lessons>(new PreferenceLessons(recipe, std::move(learned), std::move(kept)));
}

Batch PreferenceLessons::batch_of(const Pairs& pairs, std::span<const int64_t> chosen) const {
  Batch batch{.rows = 2 * static_cast<int64_t>(chosen.size())};
  std::vector<DocumentView> rows;
  for (const int64_t pair : chosen)
    for (const int64_t answer : {0, 1}) {
      rows.push_back(pairs.store->document(pairs.first[static_cast<size_t>(pair)] + answer));
      const auto inputs = static_cast<int64_t>(rows.back().tokens.size()) - 1;
      batch.length = std::max(batch.length, std::min(inputs, recipe_.data.length));
    }
  for (const DocumentView& row : rows)
    for (int64_t index = 0; index < batch.length; ++index) {
      const auto at = static_cast<size_t>(index);
      const bool is_there = at + 1 < row.tokens.size();
      batch.tokens.push_back(is_there ? row.tokens[at] : 0);
      batch.targets.push_back(is_there && row.is_trained[at + 1] != 0 ? row.tokens[at + 1] : kernels::kNoTarget);
      batch.positions.push_back(static_cast<int32_t>(index));
      batch.documents.push_back(0);
    }
  return batch;
}

std::vector<double> PreferenceLessons::sums_of(const Batch& batch, const PassResult& result) {
  std::vector<double> sums(static_cast<size_t>(batch.rows));
  for (size_t index = 0; index < result.token_losses.size(); ++index)
    sums[index / static_cast<size_t>(batch.length)] -= result.token_losses[index];
  return sums;
}

std::vector<double> PreferenceLessons::ask(const Pairs& pairs, Pass* pass) const {
  std::vector<double> sums;
  const auto count = static_cast<int64_t>(pairs.first.size());
  std::vector<int64_t> all(pairs.first.size());
  std::iota(all.begin(), all.end(), 0);
  for (int64_t begin = 0; begin < count; begin += pairs_at_once_) {
    const auto some = std::span(all).subspan(static_cast<size_t>(begin),
                                             static_cast<size_t>(std::min(pairs_at_once_, count - begin)));
    const Batch batch = batch_of(pairs, some);
    const std::vector<double> of_batch = sums_of(batch, pass->run(batch, {.gradients = false}));
    sums.insert(sums.end(), of_batch.begin(), of_batch.end());
  }
  return sums;
}

Result<void> PreferenceLessons::ask_reference(Pass* pass, const std::filesystem::path& file, const std::string& of) {
  const size_t of_train = 2 * train_.first.size(), all = of_train + 2 * held_out_.first.size();
  std::vector<double> sums;
  // A file that cannot be read is made again.
  if (const auto known = checkpoint::Checkpoint::open(file)) {
    const checkpoint::NamedTensor* tensor = known->find(of);
    if (tensor != nullptr && tensor->view.bytes.size() == all * sizeof(double)) {
      sums.resize(all);
      std::memcpy(sums.data(), tensor->view.bytes.data(), tensor->view.bytes.size());
    }
  }
  if (sums.empty()) {
    sums = ask(train_, pass);
    const std::vector<double> of_held_out = ask(held_out_, pass);
    sums.insert(sums.end(), of_held_out.begin(), of_held_out.end());
    const checkpoint::TensorToWrite tensor = {
        of, {tensor::DType::kF64, {static_cast<int64_t>(sums.size())}, std::as_bytes(std::span(sums))}};
    TRY_VOID(checkpoint::write_safetensors(file, {&tensor, 1}));
  }
  train_.reference.assign(sums.begin(), sums.begin() + static_cast<ptrdiff_t>(of_train));
  held_out_.reference.assign(sums.begin() + static_cast<ptrdiff_t>(of_train), sums.end());
  return {};
}

TokenTotals PreferenceLessons::totals() const { return train_.store->totals(); }

int64_t PreferenceLessons::steps_per_epoch() {
  const int64_t at_once = pairs_at_once_ * recipe_.data.accumulate;
  return (static_cast<int64_t>(train_.first.size()) + at_once - 1) / at_once;
}

// The model says what it thinks of both first, which decides how much each of their tokens counts.
LessonResult PreferenceLessons::judge(const Pairs& pairs, std::span<const int64_t> chosen, double share, bool learn,
                                      Pass* pass) const {
  const Batch batch = batch_of(pairs, chosen);
  const std::vector<double> sums = sums_of(batch, pass->run(batch, {.gradients = false}));
  std::vector<PreferencePair> judged;
  for (size_t index = 0; index < chosen.size(); ++index) {
    const auto pair = static_cast<size_t>(chosen[index]);
    judged.push_back({sums[2 * index], sums[2 * index + 1], pairs.reference[2 * pair], pairs.reference[2 * pair + 1]});
  }
  const PreferenceLoss loss = preference_loss(judged, recipe_.preference_beta);
  std::vector<float> weights(static_cast<size_t>(batch.count()));
  for (size_t at = 0; at < weights.size(); ++at) {
    const size_t row = at / static_cast<size_t>(batch.length);
    // A token's loss is what its log-probability is not.
    weights[at] = static_cast<float>(-share * (row % 2 == 0 ? loss.of_chosen : loss.of_rejected)[row / 2]);
  }
  const PassResult result = learn ? pass->run(batch, {.balance_weight = static_cast<float>(share * recipe_.balance.aux),
                                                      .z_weight = static_cast<float>(share * recipe_.balance.z),
                                                      .token_weights = weights})
                                  : pass->run(batch, {.gradients = false});
  LessonResult found;
  add_result(result, batch, {share, share}, &found);
  found.loss = share * (loss.loss + recipe_.balance.aux * result.balance + recipe_.balance.z * result.z);
  const auto ahead = std::ranges::count_if(loss.margins, [](double margin) { return margin > 0; });
  found.preferred = share * static_cast<double>(ahead) / static_cast<double>(chosen.size());
  if (learn) found.batches.push_back(batch);
  return found;
}

Result<LessonResult> PreferenceLessons::learn(Pass* pass, DataPosition* position, double) {
  const auto count = static_cast<int64_t>(train_.first.size());
  if (position->next >= count) *position = {position->epoch + 1, 0, 0};
  if (epoch_ != position->epoch) {
    order_.resize(train_.first.size());
    std::iota(order_.begin(), order_.end(), 0);
    shuffle(&order_, RandomNumbers(static_cast<uint64_t>(recipe_.seed), static_cast<uint64_t>(position->epoch)));
    epoch_ = position->epoch;
  }
  const int64_t pairs = std::min(pairs_at_once_ * recipe_.data.accumulate, count - position->next);
  LessonResult sum;
  for (int64_t done = 0; done < pairs; done += pairs_at_once_) {
    const int64_t some = std::min(pairs_at_once_, pairs - done);
    const auto chosen = std::span(order_).subspan(static_cast<size_t>(position->next), static_cast<size_t>(some));
    add_lesson(judge(train_, chosen, static_cast<double>(some) / static_cast<double>(pairs), true, pass), &sum);
    position->next += some;
  }
  return sum;
}

Result<std::optional<LessonResult>> PreferenceLessons::evaluate(Pass* pass, int64_t batches) {
  const int64_t pairs = std::min(static_cast<int64_t>(held_out_.first.size()), batches * pairs_at_once_);
  if (pairs < 1) return std::nullopt;
  std::vector<int64_t> all(static_cast<size_t>(pairs));
  std::iota(all.begin(), all.end(), 0);
  LessonResult sum;
  for (int64_t begin = 0; begin < pairs; begin += pairs_at_once_) {
    const int64_t some = std::min(pairs_at_once_, pairs - begin);
    add_lesson(judge(held_out_, std::span(all).subspan(static_cast<size_t>(begin), static_cast<size_t>(some)),
                     static_cast<double>(some) / static_cast<double>(pairs), false, pass),
               &sum);
  }
  return sum;
}

}  // namespace paddock::train
