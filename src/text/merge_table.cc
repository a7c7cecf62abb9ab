// SPDX-License-Identifier: Apache-2.0
#include "text/merge_table.h"

#include <algorithm>
#include <array>
#include <queue>

#include "base/check.h"
#include "text/flat_hash.h"

namespace paddock::text {
namespace {

// Up to this many tokens, looking through all ranks for the lowest beats keeping a heap.
constexpr size_t kShort = 64;

constexpr uint64_t kFree = UINT64_MAX;

uint64_t pair_of(TokenId left, TokenId right) {
  return static_cast<uint64_t>(left) << 21 | static_cast<uint64_t>(right);
}

}  // namespace

Result<std::vector<Merge>> merges_of_ranks(const TokenTable& tokens) {
  std::vector<Merge> merges;
  for (TokenId id = 0; id < tokens.size(); ++id) {
    const std::string_view bytes = tokens.bytes(id);
    for (size_t cut = 1; cut < bytes.size(); ++cut) {
      const TokenId left = tokens.find(bytes.substr(0, cut));
      if (left == kNoToken) continue;
      const TokenId right = tokens.find(bytes.substr(cut));
      if (right != kNoToken) merges.push_back({left, right, id, static_cast<uint32_t>(id)});
    }
    if (merges.size() > kMaxMerges)
      return error(ErrorCode::kLimit, "its tokens can be merged in more than {} ways; expected a vocabulary of text",
                   kMaxMerges);
  }
  return merges;
}

MergeTable::MergeTable(const std::vector<Merge>& merges)
    : slots_(slots_for(merges.size()), kFree), mask_(slots_.size() - 1), seed_(hash_seed()) {
  CHECK(merges.size() <= kMaxMerges);
  uint32_t rank = 0;
  for (const Merge& merge : merges) {
    CHECK(results_.empty() || merge.rank > rank || (merge.rank == rank && merge.result == results_.back()));
    if (results_.empty() || merge.rank > rank) results_.push_back(merge.result);
    rank = merge.rank;
    const uint64_t pair = pair_of(merge.left, merge.right);
    slots_[slot_of(pair)] = pair << kOrderBits | (results_.size() - 1);
  }
}

inline size_t MergeTable::slot_of(uint64_t pair) const {
  size_t slot = fold_product(pair ^ seed_, 0x9E3779B97F4A7C15) & mask_;
  while (slots_[slot] >> kOrderBits != pair && slots_[slot] != kFree) slot = (slot + 1) & mask_;
  return slot;
}

// A free slot has all bits set, kNone among them.
inline MergeTable::Order MergeTable::find(TokenId left, TokenId right) const {
  return static_cast<Order>(slots_[slot_of(pair_of(left, right))] & kNone);
}

size_t MergeTable::apply(std::span<TokenId> tokens) const {
  return tokens.size() <= kShort ? apply_to_short(tokens) : apply_to_long(tokens);
}

size_t MergeTable::apply_to_short(std::span<TokenId> tokens) const {
  if (tokens.size() < 2) return tokens.size();
  // orders[i] is that of the merge of tokens i and i + 1.
  std::array<Order, kShort> orders;
  size_t pairs = tokens.size() - 1;
  for (size_t left = 0; left < pairs; ++left) orders[left] = find(tokens[left], tokens[left + 1]);
  while (pairs > 0) {
    size_t best = 0;
    for (size_t left = 1; left < pairs; ++left)
      if (orders[left] < orders[best]) best = left;
    if (orders[best] == kNone) break;
    tokens[best] = results_[orders[best]];
    for (size_t left = best + 1; left < pairs; ++left) {
      tokens[left] = tokens[left + 1];
      orders[left - 1] = orders[left];
    }
    --pairs;
    if (best > 0) orders[best - 1] = find(tokens[best - 1], tokens[best]);
    if (best < pairs) orders[best] = find(tokens[best], tokens[best + 1]);
  }
  return pairs + 1;
}

// A heap of the merges that are possible now or were; the tokens are a list linked by position, so that a merge is
// O(1).
size_t MergeTable::apply_to_long(std::span<TokenId> tokens) const {
  struct Candidate {
    Order order;
    TokenId left;  // the tokens that stood there when it was found: another pair may stand there by now
    TokenId right;
    size_t position;
  };
  const auto is_later = [](const Candidate& one, const Candidate& other) {
    return one.order != other.order ? one.order > other.order : one.position > other.position;
  };
  constexpr size_t kEnd = SIZE_MAX;
  std::vector<size_t> next(tokens.size());
  std::vector<size_t> previous(tokens.size());
  for (size_t position = 0; position < tokens.size(); ++position) {
    next[position] = position + 1 < tokens.size() ? position + 1 : kEnd;
    previous[position] = position > 0 ? position - 1 : kEnd;
  }

  std::vector<Candidate> found;
  const auto candidate_at = [&](size_t position, auto&& keep) {
    if (position == kEnd || next[position] == kEnd) return;
    const TokenId left = tokens[position];
    const TokenId right = tokens[next[position]];
    if (const Order order = find(left, right); order != kNone) keep(Candidate{order, left, right, position});
  };
  for (size_t position = 0; position < tokens.size(); ++position)
    candidate_at(position, [&](const Candidate& candidate) { found.push_back(candidate); });
  std::priority_queue heap(is_later, std::move(found));

  while (!heap.empty()) {
    const Candidate best = heap.top();
    heap.pop();
    const size_t left = best.position;
    const size_t right = next[left];
    if (tokens[left] != best.left || right == kEnd || tokens[right] != best.right) continue;  // out of date
    tokens[left] = results_[best.order];
    tokens[right] = kNoToken;
    next[left] = next[right];
    if (next[left] != kEnd) previous[next[left]] = left;
    const auto keep = [&](const Candidate& candidate) { heap.push(candidate); };
    candidate_at(previous[left], keep);
    candidate_at(left, keep);
  }
  return static_cast<size_t>(std::remove(tokens.begin(), tokens.end(), kNoToken) - tokens.begin());
}

}  // namespace paddock::text
