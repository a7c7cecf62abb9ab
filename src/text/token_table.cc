// SPDX-License-Identifier: Apache-2.0
#include "text/token_table.h"

#include <cstring>

#include "base/utf8.h"
#include "text/flat_hash.h"

namespace paddock::text {
namespace {

constexpr uint64_t kOddConstant = 0x9E3779B97F4A7C15;  // 2^64 / golden ratio

template <typename Word>
uint64_t load(const char* bytes) {
  Word word;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

// For messages: a token may hold any bytes.
std::string printable(std::string_view bytes) { return replace_invalid_utf8(bytes.substr(0, 80)); }

}  // namespace

TokenTable::TokenTable() : slots_(slots_for(0)), mask_(slots_.size() - 1), seed_(hash_seed()) {}

inline uint64_t TokenTable::key_of(std::string_view bytes) const {
  const char* data = bytes.data();
  const size_t size = bytes.size();
  if (size < 8) {
    uint64_t key = uint64_t{size} << 56;
    if (size >= 4) {
      key |= load<uint32_t>(data) | load<uint32_t>(data + size - 4) << (8 * (size - 4));
    } else {
      for (size_t index = 0; index < size; ++index)
        key |= uint64_t{static_cast<unsigned char>(data[index])} << (8 * index);
    }
    return key;
  }
  uint64_t hash = seed_ ^ size;
  size_t index = 0;
  for (; index + 8 < size; index += 8) hash = fold_product(hash ^ load<uint64_t>(data + index), kOddConstant);
  hash = fold_product(hash ^ load<uint64_t>(data + size - 8), kOddConstant);
  return hash | uint64_t{1} << 63;
}

inline size_t TokenTable::place_of(uint64_t key) const { return fold_product(key ^ seed_, kOddConstant); }

inline size_t TokenTable::slot_of(std::string_view bytes, uint64_t key) const {
  size_t slot = place_of(key) & mask_;
  while (slots_[slot].key != 0) {
    if (slots_[slot].key == key && (bytes.size() < 8 || this->bytes(slots_[slot].id) == bytes)) break;
    slot = (slot + 1) & mask_;
  }
  return slot;
}

TokenId TokenTable::find(std::string_view bytes) const {
  const Slot& slot = slots_[slot_of(bytes, key_of(bytes))];
  return slot.is_findable ? slot.id : kNoToken;
}

void TokenTable::resize(size_t slots) {
  std::vector<Slot> old(slots);
  old.swap(slots_);
  mask_ = slots - 1;
  for (const Slot& entry : old)
    if (entry.key != 0) slots_[slot_of(bytes(entry.id), entry.key)] = entry;
}

void TokenTable::reserve(size_t tokens, size_t bytes) {
  extents_.reserve(tokens);
  arena_.reserve(bytes);
  if (slots_for(tokens) > slots_.size()) resize(slots_for(tokens));
}

Result<void> TokenTable::add(TokenId id, std::string_view bytes, bool findable) {
  if (id < 0 || id > kMaxTokenId)
    return error(ErrorCode::kBadFile, "token \"{}\" has id {}; expected 0 to {}", printable(bytes), id, kMaxTokenId);
  if (bytes.empty() || bytes.size() > kMaxTokenBytes)
    return error(ErrorCode::kBadFile, "token {} has {} bytes; expected 1 to {}", id, bytes.size(), kMaxTokenBytes);
  if (contains(id))
    return error(ErrorCode::kBadFile, "tokens \"{}\" and \"{}\" both have id {}; remove one of them",
                 printable(this->bytes(id)), printable(bytes), id);
  if (arena_.size() + bytes.size() > UINT32_MAX)
    return error(ErrorCode::kLimit, "the tokens hold more than {} bytes together", UINT32_MAX);

  if (static_cast<size_t>(id) >= extents_.size()) extents_.resize(static_cast<size_t>(id) + 1);
  extents_[static_cast<size_t>(id)] = {static_cast<uint32_t>(arena_.size()), static_cast<uint32_t>(bytes.size())};
  arena_.append(bytes);
  if (!findable) return {};

  if (slots_for(used_ + 1) > slots_.size()) resize(slots_for(used_ + 1));
  const uint64_t key = key_of(bytes);
  Slot& slot = slots_[slot_of(bytes, key)];
  if (slot.is_findable)
    return error(ErrorCode::kBadFile, "tokens {} and {} are both \"{}\"; remove one of them", slot.id, id,
                 printable(bytes));
  if (slot.key == 0) ++used_;
  slot = {key, id, true};
  return {};
}

void TokenTable::hide(TokenId id) {
  if (!contains(id)) return;
  Slot& slot = slots_[slot_of(bytes(id), key_of(bytes(id)))];
  if (slot.id == id) slot.is_findable = false;
}

}  // namespace paddock::text
