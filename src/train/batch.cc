// SPDX-License-Identifier: Apache-2.0
#include "train/batch.h"

#include <algorithm>
#include <set>

#include "kernels/contracts/training/token_loss.h"

namespace paddock::train {
namespace {

// Whether the token belongs to the document of the one before it in its row.
bool goes_on(const Batch& batch, int64_t index) {
  const auto at = static_cast<size_t>(index);
  return index % batch.length != 0 && batch.documents[at] == batch.documents[at - 1];
}

Result<void> check_token(const Batch& batch, int64_t index, int64_t vocabulary, const std::string& source) {
  const auto at = static_cast<size_t>(index);
  const int64_t row = index / batch.length, column = index % batch.length;
  const auto is_token = [&](int32_t id) { return id >= 0 && id < vocabulary; };
  if (!is_token(batch.tokens[at]))
    return error(ErrorCode::kBadFile, "{}: tokens[{}, {}]: expected an id from 0 to {}, found {}", source, row, column,
                 vocabulary - 1, batch.tokens[at]);
  if (batch.targets[at] != kernels::kNoTarget && !is_token(batch.targets[at]))
    return error(ErrorCode::kBadFile, "{}: targets[{}, {}]: expected an id from 0 to {} or {} for none, found {}",
                 source, row, column, vocabulary - 1, kernels::kNoTarget, batch.targets[at]);
  const int32_t expected = goes_on(batch, index) ? batch.positions[at - 1] + 1 : 0;
  if (batch.positions[at] != expected)
    return error(ErrorCode::kBadFile,
                 "{}: positions[{}, {}]: expected {}, because positions count up from 0 in each document, found {}",
                 source, row, column, expected, batch.positions[at]);
  return {};
}

// A document that is taken up again after another would be two.
Result<void> check_documents(const Batch& batch, int64_t row, const std::string& source) {
  std::set<int32_t> seen;
  for (int64_t column = 0; column < batch.length; ++column) {
    const int64_t index = row * batch.length + column;
    if (goes_on(batch, index)) continue;
    const int32_t document = batch.documents[static_cast<size_t>(index)];
    if (!seen.insert(document).second)
      return error(ErrorCode::kBadFile,
                   "{}: document[{}, {}]: expected the tokens of a document side by side, found {} a second time",
                   source, row, column, document);
  }
  return {};
}

}  // namespace

Result<void> check_batch(const Batch& batch, int64_t vocabulary, const std::string& source) {
  if (batch.rows < 1 || batch.length < 1)
    return error(ErrorCode::kBadFile, "{}: expected at least one row of one token, found [{}, {}]", source, batch.rows,
                 batch.length);
  const auto count = static_cast<size_t>(batch.count());
  for (const std::vector<int32_t>* each : {&batch.tokens, &batch.targets, &batch.positions, &batch.documents})
    if (each->size() != count)
      return error(ErrorCode::kBadFile, "{}: expected tokens, targets, positions and document of the same shape",
                   source);
  for (int64_t row = 0; row < batch.rows; ++row) TRY_VOID(check_documents(batch, row, source));
  for (int64_t index = 0; index < batch.count(); ++index) TRY_VOID(check_token(batch, index, vocabulary, source));
  return {};
}

std::vector<int32_t> first_visible(const Batch& batch, int64_t chunk) {
  std::vector<int32_t> first;
  first.reserve(batch.tokens.size());
  for (int64_t index = 0; index < batch.count(); ++index) {
    const int64_t position = batch.positions[static_cast<size_t>(index)];
    first.push_back(static_cast<int32_t>(index - (chunk > 0 ? position % chunk : position)));
  }
  return first;
}

int64_t target_count(const Batch& batch) {
  return std::ranges::count_if(batch.targets, [](int32_t target) { return target != kernels::kNoTarget; });
}

}  // namespace paddock::train
