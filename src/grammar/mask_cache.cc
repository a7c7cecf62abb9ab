// SPDX-License-Identifier: Apache-2.0
#include "grammar/mask_cache.h"

#include <algorithm>

#include "grammar/vocabulary.h"

namespace paddock::grammar {

namespace {

// The most pairs of a token and a place where its rule may end that are looked at: a rule that may end after any byte
// has as many as its tokens have bytes. More are dropped, which forbids these tokens.
constexpr size_t kMaxRemainders = 2'000'000;

// What a StackMachine does, for rules that call no others and can be read in one way only: no frames, no sets of
// positions.
class SimpleMachine {
 public:
  SimpleMachine(const Rules& rules, const Position& position)
      : rules_(rules), rule_(rules.rules[rules.states[position.state].rule]) {
    levels_.push_back({position.state, position.count});
  }

  size_t depth() const { return levels_.size() - 1; }
  void back() { levels_.pop_back(); }

  bool step(uint8_t byte) {
    const Level from = levels_.back();
    const bool may_go_on = from.state != kNoState && !(is_between(from) && from.count >= rule_.max);
    StateId target = may_go_on ? rules_.step(from.state, byte) : kNoState;
    uint32_t count = from.count;
    if (target != kNoState && rule_.is_counted && rules_.states[target].accepting) {
      target = rule_.start;
      if (rule_.max != kUnbounded || count < rule_.min) ++count;
    }
    levels_.push_back({target, count});
    return target != kNoState;
  }

  bool is_complete() const {
    const Level& level = levels_.back();
    if (level.state == kNoState) return false;
    return rule_.is_counted ? is_between(level) && level.count >= rule_.min : rules_.states[level.state].accepting;
  }

  bool allows_plain(uint8_t characters) const {
    const Level& level = levels_.back();
    if (rules_.states[level.state].plain_depth < characters) return false;
    if (!rule_.is_counted || rule_.max == kUnbounded) return true;
    const uint32_t begun = level.count + (is_between(level) ? 0 : 1);
    return rule_.max >= begun && rule_.max - begun >= characters;
  }

 private:
  struct Level {
    StateId state;
    uint32_t count;
  };
  bool is_between(const Level& level) const { return rule_.is_counted && level.state == rule_.start; }

  const Rules& rules_;
  const Rules::Rule& rule_;
  std::vector<Level> levels_;
};

// Walks the vocabulary from one position without knowing who called its rule.
template <typename Machine>
class EntryBuilder {
 public:
  EntryBuilder(const Rules& rules, const MaskVocabulary& vocabulary, const Position& position, Machine& machine)
      : vocabulary_(vocabulary),
        trie_(vocabulary.trie()),
        machine_(machine),
        follow_(rules.rules[rules.states[position.state].rule].follow),
        ends_(vocabulary.trie().longest() + 1) {}

  MaskEntry build() {
    for (uint32_t node = 0; node < trie_.size();) node = visit(node);
    MaskEntry entry;
    entry.behind = ByteTrie(std::move(remainders_));
    if (allowed_.size() < vocabulary_.mask_words()) {
      allowed_.shrink_to_fit();
      entry.ids = std::move(allowed_);
      return entry;
    }
    entry.bits.resize(vocabulary_.mask_words());
    for (const int32_t id : allowed_) entry.bits[static_cast<size_t>(id) / 32] |= 1u << (id % 32);
    return entry;
  }

 private:
  // The next node to visit.
  uint32_t visit(uint32_t id) {
    const ByteTrie::Node& node = trie_[id];
    while (machine_.depth() >= node.depth) machine_.back();
    // Places in the token where the rule may be over and its next byte may follow.
    std::vector<uint16_t>& ends = ends_[node.depth];
    ends = ends_[node.depth - 1u];
    if (node.depth > 1 && machine_.is_complete() && follow_[node.byte])
      ends.push_back(static_cast<uint16_t>(node.depth - 1));
    if (!machine_.step(node.byte)) {
      if (!ends.empty()) remember(trie_.items_below(id), ends);
      return node.end;
    }
    if (node.plain_below != ByteTrie::kNotPlain && machine_.allows_plain(node.plain_below)) {
      allow(trie_.items_below(id));
      return node.end;
    }
    allow(trie_.items_at(id));
    return id + 1;
  }

  void allow(std::span<const int32_t> ids) { allowed_.insert(allowed_.end(), ids.begin(), ids.end()); }

  void remember(std::span<const int32_t> ids, const std::vector<uint16_t>& ends) {
    for (const int32_t id : ids) {
      for (const uint16_t end : ends) {
        if (remainders_.size() == kMaxRemainders) return;
        remainders_.emplace_back(vocabulary_.bytes(id).substr(end), id);
      }
    }
  }

  const MaskVocabulary& vocabulary_;
  const ByteTrie& trie_;
  Machine& machine_;
  const ByteSet& follow_;
  std::vector<std::vector<uint16_t>> ends_;  // by depth
  std::vector<int32_t> allowed_;
  std::vector<std::pair<std::string_view, int32_t>> remainders_;
};

MaskEntry build_entry(const Rules& rules, const MaskVocabulary& vocabulary, const Position& position,
                      StackMachine& machine) {
  if (rules.rules[rules.states[position.state].rule].is_simple) {
    SimpleMachine simple(rules, position);
    return EntryBuilder(rules, vocabulary, position, simple).build();
  }
  const Position alone{position.state, position.count, kRootFrame};
  machine.begin(rules, Stack{}, std::span(&alone, 1));
  return EntryBuilder(rules, vocabulary, position, machine).build();
}

MaskKey key_of(const Rules& rules, const MaskVocabulary& vocabulary, const Position& position) {
  const Rules::Rule& rule = rules.rules[rules.states[position.state].rule];
  MaskKey key{.rule = rule.key, .state = position.state - rule.start};
  if (!rule.is_counted) return key;
  const auto most = static_cast<uint32_t>(vocabulary.trie().longest() + 1);
  key.needed = std::min(most, rule.min - std::min(rule.min, position.count));
  key.left = rule.max == kUnbounded ? most : std::min(most, rule.max - std::min(rule.max, position.count));
  return key;
}

}  // namespace

std::shared_ptr<const MaskEntry> MaskCache::find(const Rules& rules, const MaskVocabulary& vocabulary,
                                                 const Position& position, StackMachine& machine) {
  const MaskKey key = key_of(rules, vocabulary, position);
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = recent_.find(key); found != recent_.end()) return found->second;
    if (const auto found = older_.find(key); found != older_.end()) {
      auto entry = found->second;
      older_.erase(found);
      keep(key, entry);
      return entry;
    }
  }
  auto entry = std::make_shared<const MaskEntry>(build_entry(rules, vocabulary, position, machine));
  if (machine.is_exhausted()) return entry;  // not all there is
  const std::lock_guard lock(mutex_);
  keep(key, entry);
  return entry;
}

void MaskCache::keep(const MaskKey& key, std::shared_ptr<const MaskEntry> entry) {
  recent_bytes_ += entry->bytes();
  recent_.insert_or_assign(key, std::move(entry));
  if (recent_bytes_ <= bytes_ / 2) return;
  older_ = std::move(recent_);
  recent_.clear();
  recent_bytes_ = 0;
}

}  // namespace paddock::grammar
