// SPDX-License-Identifier: Apache-2.0
#pragma once
// Rows of logits to their K best tokens and the mass outside these, on all threads, a few rows at a time.

#include <cstdint>
#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "distil/document.h"
#include "engine/likelihoods.h"
#include "kernels/contracts/machine.h"

namespace paddock::distil {

// Where what a row says goes, and the token that follows it in its text.
struct RowToReduce {
  int64_t logits_row = 0;
  int32_t following = 0;
  Document* document = nullptr;
  size_t place = 0;  // of the document's places
};

class RowReducer {
 public:
  // Keeps `kept` of `vocabulary` tokens.
  RowReducer(int64_t kept, int64_t vocabulary, int threads);

  // False for a row whose logits are not numbers. The documents' lists have their sizes. What is written depends on
  // the logits alone.
  bool reduce(kernels::Machine* machine, const kernels::Rows& logits_RV, std::span<const RowToReduce> rows);

  // Of host memory, that reduce() takes beside the logits.
  static size_t bytes(int64_t vocabulary, int threads);

 private:
  static constexpr int64_t kRowsOfAThread = 4;  // at once: the copy out of the machine is made by one thread

  bool reduce(std::span<const float> logits, const RowToReduce& row, engine::Likelihoods* likelihoods) const;

  size_t kept_, vocabulary_;
  ThreadPool pool_;
  std::vector<engine::Likelihoods> likelihoods_;  // of each thread
  std::vector<float> logits_;
};

}  // namespace paddock::distil
