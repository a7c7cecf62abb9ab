// SPDX-License-Identifier: Apache-2.0
#include "train/recorded_batch.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "base/check.h"
#include "kernels/contracts/training/token_loss.h"

namespace paddock::train {
namespace {

// A batch that is being filled, row by row.
class Filling {
 public:
  Filling(int64_t rows, int64_t length, int64_t kept) : kept_(static_cast<size_t>(kept)) {
    Batch& batch = result_.batch;
    batch.rows = rows;
    batch.length = length;
    const auto count = static_cast<size_t>(batch.count());
    batch.tokens.assign(count, 0);
    batch.targets.assign(count, kernels::kNoTarget);
    batch.positions.assign(count, 0);
    batch.documents.assign(count, 0);
    // Where nothing was recorded: any K different tokens.
    result_.ids.resize(count * kept_);
    for (size_t token = 0; token < count; ++token)
      std::iota(result_.ids.begin() + static_cast<std::ptrdiff_t>(token * kept_),
                result_.ids.begin() + static_cast<std::ptrdiff_t>((token + 1) * kept_), 0);
    result_.logprobs.assign(count * kept_, 0);
    result_.tails.assign(count, -std::numeric_limits<float>::infinity());
    result_.following.assign(count, 0);
    result_.kept = kept;
  }

  // Whether it was put into this row or the next.
  bool put(const distil::Document& document) {
    const auto count = static_cast<int64_t>(document.tokens.size());
    if (used_ + count > result_.batch.length) end_row();
    if (row_ == result_.batch.rows) return false;
    const auto at = static_cast<size_t>(row_ * result_.batch.length + used_);
    std::ranges::copy(document.tokens, result_.batch.tokens.begin() + static_cast<std::ptrdiff_t>(at));
    number(at, count);
    for (size_t index = 0; index < document.places.size(); ++index) say(at, document, index);
    used_ += count;
    return true;
  }

  RecordedBatch finish() {
    while (row_ < result_.batch.rows) end_row();
    return std::move(result_);
  }

 private:
  // A document from `at` on: its number and positions.
  void number(size_t at, int64_t count) {
    for (int64_t position = 0; position < count; ++position) {
      result_.batch.positions[at + static_cast<size_t>(position)] = static_cast<int32_t>(position);
      result_.batch.documents[at + static_cast<size_t>(position)] = documents_;
    }
    ++documents_;
  }

  void say(size_t at, const distil::Document& document, size_t index) {
    const auto place = static_cast<size_t>(document.places[index]), token = at + place;
    result_.batch.targets[token] = document.tokens[place + 1];
    const auto copy = [&](const auto& from, auto& to) {
      std::copy_n(from.begin() + static_cast<std::ptrdiff_t>(index * kept_), kept_,
                  to.begin() + static_cast<std::ptrdiff_t>(token * kept_));
    };
    copy(document.ids, result_.ids);
    copy(document.logprobs, result_.logprobs);
    result_.tails[token] = document.tails[index];
    result_.following[token] = document.following[index];
  }

  void end_row() {
    number(static_cast<size_t>(row_ * result_.batch.length + used_), result_.batch.length - used_);
    ++row_;
    used_ = 0;
    documents_ = 0;
  }

  RecordedBatch result_;
  size_t kept_;
  int64_t row_ = 0, used_ = 0;
  int32_t documents_ = 0;  // in the row
};

}  // namespace

TeacherSays RecordedBatch::says(float temperature, float alpha, std::span<const float> alphas) const {
  return {.ids = ids,
          .logprobs = logprobs,
          .tails = tails,
          .kept = kept,
          .temperature = temperature,
          .alpha = alpha,
          .alphas = alphas};
}

Result<RecordedBatches> RecordedBatches::create(const distil::Record& record, int64_t rows, int64_t length,
                                                int64_t vocabulary) {
  CHECK(rows > 0 && length > 0);
  if (record.facts().vocabulary > vocabulary)
    return error(ErrorCode::kInvalidArgument,
                 "the record is of a vocabulary of {}, expected at most the student's {}; a student with another "
                 "tokenizer can learn from the texts alone",
                 record.facts().vocabulary, vocabulary);
  int64_t longest = 0;
  for (int64_t document = 0; document < record.documents(); ++document)
    longest = std::max(longest, record.tokens_of(document));
  if (longest > length)
    return error(
        ErrorCode::kInvalidArgument,
        "the record holds texts of up to {} tokens, expected at most the {} of a training's row; choose longer "
        "rows, or record with a smaller --length",
        longest, length);
  return RecordedBatches(record, rows, length);
}

Result<std::optional<RecordedBatch>> RecordedBatches::take(std::span<const int64_t> order, size_t* next) const {
  if (*next >= order.size()) return std::nullopt;
  Filling filling(rows_, length_, record_->facts().kept);
  for (; *next < order.size(); ++*next)
    if (!filling.put(TRY(record_->read(order[*next])))) break;
  return filling.finish();
}

}  // namespace paddock::train
