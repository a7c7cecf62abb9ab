// SPDX-License-Identifier: Apache-2.0
#pragma once
// The bytes of every token by its id, and the id by its bytes.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace paddock::text {

using TokenId = int32_t;
constexpr TokenId kNoToken = -1;

// Bounds that no known vocabulary comes near and that keep a bad file from asking for absurd memory or time.
constexpr TokenId kMaxTokenId = (1 << 21) - 1;
constexpr size_t kMaxTokenBytes = 1 << 10;

// Const methods may be called by any thread.
class TokenTable {
 public:
  TokenTable();

  void reserve(size_t tokens, size_t bytes);

  // Gives `id` its bytes. `findable`: find() knows them from then on. Refuses an id that is negative, too large or
  // taken, bytes that are empty or too long, and findable bytes that another token has; the message names the token.
  Result<void> add(TokenId id, std::string_view bytes, bool findable);

  // find() no longer gives `id`.
  void hide(TokenId id);

  // kNoToken where no findable token has these bytes.
  TokenId find(std::string_view bytes) const;

  // Empty for an id that has no token.
  std::string_view bytes(TokenId id) const {
    if (id < 0 || static_cast<size_t>(id) >= extents_.size()) return {};
    const Extent& extent = extents_[static_cast<size_t>(id)];
    return std::string_view(arena_).substr(extent.offset, extent.length);
  }
  bool contains(TokenId id) const { return !bytes(id).empty(); }

  // One more than the highest id.
  TokenId size() const { return static_cast<TokenId>(extents_.size()); }

 private:
  // Up to 7 bytes are their own key, with their length above them; longer ones have a hash with the top bit set.
  struct Slot {
    uint64_t key = 0;  // 0: free, as no token is empty
    TokenId id = kNoToken;
    bool is_findable = false;
  };
  struct Extent {
    uint32_t offset = 0;
    uint32_t length = 0;  // 0: no token
  };

  uint64_t key_of(std::string_view bytes) const;
  size_t place_of(uint64_t key) const;
  // The slot of these bytes, or the free one where they belong.
  size_t slot_of(std::string_view bytes, uint64_t key) const;
  void resize(size_t slots);

  std::vector<Slot> slots_;  // open addressing, a power of two, at most half full
  size_t mask_;
  size_t used_ = 0;
  std::vector<Extent> extents_;
  std::string arena_;
  uint64_t seed_;
};

}  // namespace paddock::text
