// SPDX-License-Identifier: Apache-2.0
#pragma once
// Documents to batches, in an order that a seed decides and from any place in it.

#include <cstdint>
#include <vector>

#include "train/batch.h"
#include "train/data/token_store.h"

namespace paddock::train {

// How far the data have been read: all that has to be remembered to go on.
struct DataPosition {
  int64_t epoch = 0;
  int64_t next = 0;    // in the order of the epoch
  int64_t offset = 0;  // into that document, where its beginning has been read

  bool operator==(const DataPosition&) const = default;
};

struct PackWishes {
  int64_t length = 0, rows = 0;
  // Documents that do not fit a row go on in the next one, as another document. Else they are cut to a row, and what
  // follows is not learned: a conversation without its beginning would teach something else.
  bool split = false;
  uint64_t seed = 0;
};

class Packer {
 public:
  // Of these documents of a store that outlives it. Those of which nothing would be learned are left out.
  Packer(const TokenStore* store, const std::vector<int64_t>& documents, const PackWishes& wishes);

  bool empty() const { return documents_.empty(); }
  // Documents of an epoch, those that are cut, and tokens that are learned in it.
  int64_t documents() const { return static_cast<int64_t>(documents_.size()); }
  int64_t cut() const { return cut_; }
  int64_t targets() const { return targets_; }

  // The batch at the position, which moves on. Never without a target; the rows are as long as the longest needs.
  Batch next(DataPosition* position);

 private:
  struct Row;

  void begin_epoch(int64_t epoch);
  bool place(DataPosition* position, std::vector<Row>* rows) const;
  Batch lay_out(const std::vector<Row>& rows) const;

  const TokenStore& store_;
  PackWishes wishes_;
  std::vector<int64_t> documents_;
  std::vector<int64_t> order_;  // of epoch_
  int64_t epoch_ = -1;
  int64_t cut_ = 0, targets_ = 0;
};

// Which documents are kept for evaluation: `share` of them, at least one where there are two and a share is wanted. The
// others come first. `group`: so many neighbours stay together.
struct Split {
  std::vector<int64_t> train, held_out;
};
Split split_documents(int64_t documents, int64_t group, double share, uint64_t seed);

}  // namespace paddock::train
