// SPDX-License-Identifier: Apache-2.0
#pragma once
// The tokens that a state of a rule allows, as far as the rule alone decides, found once and kept.

#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "grammar/byte_trie.h"
#include "grammar/stack_machine.h"

namespace paddock::grammar {

class MaskVocabulary;

struct MaskEntry {
  // Tokens after which the rule is not over, or exactly over: allowed whoever called it. In one form or the other.
  std::vector<uint32_t> bits;
  std::vector<int32_t> ids;
  // Tokens whose first bytes end the rule, by the bytes that then remain: it depends on the caller whether these can
  // follow.
  ByteTrie behind;

  size_t bytes() const {
    return sizeof(MaskEntry) + bits.capacity() * 4 + ids.capacity() * 4 + behind.bytes() + 100;  // and the map's own
  }
};

// What decides an entry besides the vocabulary.
struct MaskKey {
  RuleKey rule;
  StateId state = 0;    // in the rule
  uint32_t needed = 0;  // repetitions that a counted rule still has to make and may make, up to what one token can hold
  uint32_t left = 0;
  bool operator==(const MaskKey&) const = default;
};

// May be used by several threads.
class MaskCache {
 public:
  explicit MaskCache(size_t bytes) : bytes_(bytes) {}

  // The entry of a position's rule, whatever frame it is in. `machine` is scratch.
  std::shared_ptr<const MaskEntry> find(const Rules& rules, const MaskVocabulary& vocabulary, const Position& position,
                                        StackMachine& machine);

 private:
  struct KeyHash {
    size_t operator()(const MaskKey& key) const {
      return key.rule.low ^ (key.state * 0x9E3779B97F4A7C15u) ^ (key.needed * 0xC2B2AE3D27D4EB4Fu) ^
             (key.left * 0x165667B19E3779F9u);
    }
  };
  using Entries = std::unordered_map<MaskKey, std::shared_ptr<const MaskEntry>, KeyHash>;

  void keep(const MaskKey& key, std::shared_ptr<const MaskEntry> entry);

  std::mutex mutex_;
  size_t bytes_;
  // Entries used since half of the bytes were filled, and those before: these are dropped when it happens again.
  Entries recent_, older_;
  size_t recent_bytes_ = 0;
};

}  // namespace paddock::grammar
