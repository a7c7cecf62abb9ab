// SPDX-License-Identifier: Apache-2.0
#include "distil/teacher/row_reducer.h"

#include <algorithm>
#include <atomic>
#include <cmath>

namespace paddock::distil {

RowReducer::RowReducer(int64_t kept, int64_t vocabulary, int threads)
    : kept_(static_cast<size_t>(kept)),
      vocabulary_(static_cast<size_t>(vocabulary)),
      pool_(threads),
      likelihoods_(static_cast<size_t>(pool_.threads())),
      logits_(static_cast<size_t>(pool_.threads() * kRowsOfAThread) * vocabulary_) {}

size_t RowReducer::bytes(int64_t vocabulary, int threads) {
  // Logits; and weights, places and maxima of each thread.
  return static_cast<size_t>(vocabulary) * sizeof(float) * static_cast<size_t>(threads) *
         static_cast<size_t>(kRowsOfAThread + 3);
}

bool RowReducer::reduce(kernels::Machine* machine, const kernels::Rows& logits_RV, std::span<const RowToReduce> rows) {
  const size_t at_once = logits_.size() / vocabulary_;
  std::atomic<bool> are_good = true;
  for (size_t first = 0; first < rows.size(); first += at_once) {
    const auto group = rows.subspan(first, std::min(at_once, rows.size() - first));
    const auto logits_of = [&](size_t index) { return std::span(logits_).subspan(index * vocabulary_, vocabulary_); };
    for (size_t index = 0; index < group.size(); ++index)
      machine->read(logits_RV.address.plus(static_cast<size_t>(group[index].logits_row) * vocabulary_ * sizeof(float)),
                    std::as_writable_bytes(logits_of(index)));
    pool_.parallel_for(static_cast<int64_t>(group.size()), 1, [&](int64_t begin, int64_t end, int thread) {
      for (int64_t index = begin; index < end; ++index) {
        const auto place = static_cast<size_t>(index);
        if (!reduce(logits_of(place), group[place], &likelihoods_[static_cast<size_t>(thread)])) are_good = false;
      }
    });
  }
  return are_good;
}

bool RowReducer::reduce(std::span<const float> logits, const RowToReduce& row, engine::Likelihoods* likelihoods) const {
  const std::vector<int32_t> best = likelihoods->most_likely(logits, static_cast<int32_t>(kept_));
  if (best.size() != kept_) return false;  // some are not numbers
  const engine::Likelihoods::LogSums sums = likelihoods->log_sums(logits, best);
  if (!std::isfinite(sums.all)) return false;
  const auto logprob = [&](int32_t token) { return static_cast<float>(logits[static_cast<size_t>(token)] - sums.all); };
  Document& document = *row.document;
  for (size_t index = 0; index < kept_; ++index) {
    document.ids[row.place * kept_ + index] = best[index];
    document.logprobs[row.place * kept_ + index] = logprob(best[index]);
  }
  document.tails[row.place] = static_cast<float>(sums.others - sums.all);
  document.following[row.place] = logprob(row.following);
  return !std::isnan(document.following[row.place]);
}

}  // namespace paddock::distil
