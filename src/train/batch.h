// SPDX-License-Identifier: Apache-2.0
#pragma once
// Texts packed into rows of one length, as a step of training takes them.

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace paddock::train {

// [rows, length] each. Documents lie one after another in a row and attention stays inside them; their positions count
// up by one, from 0 where a document begins. A target is the token that should follow, or kernels::kNoTarget.
struct Batch {
  int64_t rows = 0, length = 0;
  std::vector<int32_t> tokens, targets, positions, documents;

  int64_t count() const { return rows * length; }
};

// Shapes agree, ids are of the vocabulary, documents are whole. `source` is named in the error.
Result<void> check_batch(const Batch& batch, int64_t vocabulary, const std::string& source);

// For each token, counted over all rows, the first one that it sees: of its document, and of its chunk of positions
// unless `chunk` is 0.
std::vector<int32_t> first_visible(const Batch& batch, int64_t chunk);

// Targets that are tokens.
int64_t target_count(const Batch& batch);

}  // namespace paddock::train
