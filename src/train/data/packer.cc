// SPDX-License-Identifier: Apache-2.0
#include "train/data/packer.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/check.h"
#include "kernels/contracts/training/token_loss.h"
#include "train/random.h"

namespace paddock::train {
namespace {

// A document of n tokens has n - 1 that something follows.
int64_t inputs_of(const DocumentView& document) { return static_cast<int64_t>(document.tokens.size()) - 1; }

int64_t targets_of(const DocumentView& document, int64_t inputs) {
  if (inputs < 1) return 0;
  return std::ranges::count(document.is_trained.subspan(1, static_cast<size_t>(inputs)), 1);
}

// Streams of a seed.
constexpr uint64_t kSplitStream = 0x73706c6974;

}  // namespace

// Documents side by side in one row of a batch.
struct Packer::Row {
  struct Part {
    int64_t document, offset, count;
  };
  std::vector<Part> parts;
  int64_t used = 0;
};

Packer::Packer(const TokenStore* store, const std::vector<int64_t>& documents, const PackWishes& wishes)
    : store_(*store), wishes_(wishes) {
  CHECK(wishes.length > 0 && wishes.rows > 0);
  for (const int64_t index : documents) {
    const DocumentView document = store_.document(index);
    const int64_t inputs = wishes.split ? inputs_of(document) : std::min(inputs_of(document), wishes.length);
    const int64_t targets = targets_of(document, inputs);
    if (targets == 0) continue;
    documents_.push_back(index);
    targets_ += targets;
    if (inputs < inputs_of(document)) ++cut_;
  }
}

void Packer::begin_epoch(int64_t epoch) {
  order_.resize(documents_.size());
  std::iota(order_.begin(), order_.end(), 0);
  shuffle(&order_, RandomNumbers(wishes_.seed, static_cast<uint64_t>(epoch)));
  epoch_ = epoch;
}

// Puts the document at the position, or what is left of it, where it fits. False: nowhere.
bool Packer::place(DataPosition* position, std::vector<Row>* rows) const {
  const int64_t index = documents_[static_cast<size_t>(order_[static_cast<size_t>(position->next)])];
  const int64_t left = inputs_of(store_.document(index)) - position->offset;
  const int64_t wanted = std::min(left, wishes_.length);
  const auto room = [&](const Row& row) { return wishes_.length - row.used; };
  const auto row = std::ranges::find_if(
      *rows, [&](const Row& each) { return wishes_.split ? room(each) > 0 : room(each) >= wanted; });
  if (row == rows->end()) return false;
  const int64_t count = std::min(wanted, room(*row));
  row->parts.push_back({index, position->offset, count});
  row->used += count;
  position->offset += count;
  if (!wishes_.split || position->offset == left + row->parts.back().offset) {
    position->offset = 0;
    ++position->next;
  }
  return true;
}

Batch Packer::lay_out(const std::vector<Row>& rows) const {
  Batch batch{.rows = static_cast<int64_t>(rows.size()), .length = std::ranges::max(rows, {}, &Row::used).used};
  const auto add = [&](int32_t token, int32_t target, int64_t position, int32_t document) {
    batch.tokens.push_back(token);
    batch.targets.push_back(target);
    batch.positions.push_back(static_cast<int32_t>(position));
    batch.documents.push_back(document);
  };
  for (const Row& row : rows) {
    int32_t number = 0;
    for (const Row::Part& part : row.parts) {
      const DocumentView document = store_.document(part.document);
      for (int64_t index = 0; index < part.count; ++index) {
        const auto at = static_cast<size_t>(part.offset + index);
        add(document.tokens[at], document.is_trained[at + 1] != 0 ? document.tokens[at + 1] : kernels::kNoTarget, index,
            number);
      }
      ++number;
    }
    // What is left of the row is a document that nothing is learned of.
    for (int64_t index = row.used; index < batch.length; ++index) add(0, kernels::kNoTarget, index - row.used, number);
  }
  return batch;
}

Batch Packer::next(DataPosition* position) {
  CHECK(!documents_.empty());
  for (;;) {
    if (position->next >= documents()) *position = {position->epoch + 1, 0, 0};
    if (epoch_ != position->epoch) begin_epoch(position->epoch);
    std::vector<Row> rows(static_cast<size_t>(wishes_.rows));
    // A batch does not reach into the next epoch, so that an epoch is the same whatever came before it.
    while (position->next < documents() && place(position, &rows)) {
    }
    std::erase_if(rows, [](const Row& row) { return row.parts.empty(); });
    Batch batch = lay_out(rows);
    if (target_count(batch) > 0) return batch;
  }
}

Split split_documents(int64_t documents, int64_t group, double share, uint64_t seed) {
  const int64_t groups = documents / group;
  int64_t held_out = share <= 0 || groups < 2 ? 0 : std::llround(static_cast<double>(groups) * share);
  if (share > 0 && groups >= 2) held_out = std::clamp<int64_t>(held_out, 1, groups - 1);
  std::vector<int64_t> order(static_cast<size_t>(groups));
  std::iota(order.begin(), order.end(), 0);
  shuffle(&order, RandomNumbers(seed, kSplitStream));
  std::sort(order.begin(), order.begin() + held_out);
  std::sort(order.begin() + held_out, order.end());
  Split split;
  for (int64_t index = 0; index < groups; ++index)
    for (int64_t each = 0; each < group; ++each)
      (index < held_out ? split.held_out : split.train).push_back(order[static_cast<size_t>(index)] * group + each);
  return split;
}

}  // namespace paddock::train
