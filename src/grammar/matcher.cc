// SPDX-License-Identifier: Apache-2.0
#include "grammar/matcher.h"

#include <algorithm>

#include "base/check.h"
#include "grammar/mask_cache.h"

namespace paddock::grammar {

namespace {

// Scratch that keeps its memory between tokens. One for walks from a matcher's positions, one for entries of the cache,
// which are built during the first's use.
StackMachine& matcher_machine() {
  thread_local StackMachine machine;
  return machine;
}
StackMachine& entry_machine() {
  thread_local StackMachine machine;
  return machine;
}

void allow_tokens(std::span<uint32_t> bits, std::span<const int32_t> ids) {
  for (const int32_t id : ids) bits[static_cast<size_t>(id) / 32] |= 1u << (id % 32);
}

// Allows the items of `trie` that the machine can read.
void allow_readable(const ByteTrie& trie, StackMachine& machine, std::span<uint32_t> bits) {
  for (uint32_t id = 0; id < trie.size();) {
    const ByteTrie::Node& node = trie[id];
    while (machine.depth() >= node.depth) machine.back();
    if (!machine.step(node.byte)) {
      id = node.end;
    } else if (node.plain_below != ByteTrie::kNotPlain && machine.allows_plain(node.plain_below)) {
      allow_tokens(bits, trie.items_below(id));
      id = node.end;
    } else {
      allow_tokens(bits, trie.items_at(id));
      ++id;
    }
  }
}

}  // namespace

Matcher::Matcher(std::shared_ptr<const Grammar> grammar, std::shared_ptr<const MaskVocabulary> vocabulary)
    : grammar_(std::move(grammar)), vocabulary_(std::move(vocabulary)) {
  const Rules& rules = grammar_->rules();
  const Position start{rules.rules[rules.root].start, 0, kRootFrame};
  StackMachine& machine = matcher_machine();
  machine.begin_work();
  machine.begin(rules, stack_, std::span(&start, 1));
  keep_level(machine);
}

void Matcher::keep_level(const StackMachine& machine) {
  is_complete_ = machine.is_complete();
  // What is entered without a byte is entered again when it is needed.
  const FrameId kept = machine.first_new_frame();
  positions_.clear();
  for (const Position& position : machine.positions())
    if (position.frame < kept) positions_.push_back(position);
  const Stack& stack = machine.stack();
  stack_.frames.assign(stack.frames.begin(), stack.frames.begin() + kept);
  stack_.returns.assign(stack.returns.begin(),
                        stack.returns.begin() + static_cast<ptrdiff_t>(machine.first_new_return()));
  constexpr size_t kFew = 32;
  if (stack_.frames.size() > 2 * frames_in_use_ + kFew) drop_unused_frames();
}

void Matcher::drop_unused_frames() {
  std::vector<FrameId> number(stack_.frames.size(), Stack::kNone);
  std::vector<FrameId> used = {kRootFrame};
  number[kRootFrame] = 0;
  const auto use = [&](FrameId frame) {
    if (number[frame] != Stack::kNone) return;
    number[frame] = static_cast<FrameId>(used.size());
    used.push_back(frame);
  };
  for (const Position& position : positions_) use(position.frame);
  Stack kept;
  kept.frames.clear();
  for (size_t i = 0; i < used.size(); ++i) {
    uint32_t* last = nullptr;
    kept.frames.push_back(Stack::kNone);
    for (uint32_t way = stack_.frames[used[i]]; way != Stack::kNone; way = stack_.returns[way].next) {
      Position to = stack_.returns[way].to;
      use(to.frame);
      to.frame = number[to.frame];
      (last ? *last : kept.frames[i]) = static_cast<uint32_t>(kept.returns.size());
      kept.returns.push_back({to});
      last = &kept.returns.back().next;
    }
  }
  for (Position& position : positions_) position.frame = number[position.frame];
  stack_ = std::move(kept);
  frames_in_use_ = stack_.frames.size();
}

bool Matcher::fill_mask(std::span<uint32_t> bits) const {
  DCHECK(bits.size() >= vocabulary_->mask_words());
  std::fill(bits.begin(), bits.end(), 0);
  if (is_stopped_) return false;
  if (is_complete_) allow_tokens(bits, vocabulary_->stop());
  const Rules& rules = grammar_->rules();
  entry_machine().begin_work();
  StackMachine& machine = matcher_machine();
  machine.begin_work();
  for (const Position& position : positions_) {
    const auto entry = vocabulary_->cache().find(rules, *vocabulary_, position, entry_machine());
    for (size_t word = 0; word < entry->bits.size(); ++word) bits[word] |= entry->bits[word];
    allow_tokens(bits, entry->ids);
    if (entry->behind.empty() || position.frame == kRootFrame) continue;
    machine.begin_behind(rules, stack_, position.frame);
    allow_readable(entry->behind, machine, bits);
  }
  return std::any_of(bits.begin(), bits.end(), [](uint32_t word) { return word != 0; });
}

bool Matcher::fill_mask_slowly(std::span<uint32_t> bits) const {
  std::fill(bits.begin(), bits.end(), 0);
  if (is_stopped_) return false;
  if (is_complete_) allow_tokens(bits, vocabulary_->stop());
  StackMachine& machine = matcher_machine();
  machine.begin(grammar_->rules(), stack_, positions_);
  for (TokenId id = 0; id < vocabulary_->size(); ++id) {
    const std::string_view bytes = vocabulary_->bytes(id);
    if (bytes.empty() || vocabulary_->is_stop(id)) continue;
    machine.begin_work();
    bool is_readable = true;
    for (const char byte : bytes) is_readable = is_readable && machine.step(static_cast<uint8_t>(byte));
    if (is_readable) allow_tokens(bits, std::span(&id, 1));
    while (machine.depth() > 0) machine.back();
  }
  return std::any_of(bits.begin(), bits.end(), [](uint32_t word) { return word != 0; });
}

bool Matcher::accept(TokenId token) {
  if (is_stopped_) return false;
  if (vocabulary_->is_stop(token)) {
    is_stopped_ = is_complete_;
    return is_stopped_;
  }
  const std::string_view bytes = vocabulary_->bytes(token);
  return !bytes.empty() && accept_text(bytes);
}

bool Matcher::accept_text(std::string_view bytes) {
  if (is_stopped_) return false;
  StackMachine& machine = matcher_machine();
  machine.begin_work();
  machine.begin(grammar_->rules(), stack_, positions_);
  for (const char byte : bytes)
    if (!machine.step(static_cast<uint8_t>(byte))) return false;
  if (!bytes.empty()) keep_level(machine);
  return true;
}

bool Matcher::can_continue() const {
  if (is_stopped_) return false;
  StackMachine& machine = matcher_machine();
  machine.begin_work();
  machine.begin(grammar_->rules(), stack_, positions_);
  for (int byte = 0; byte < 256; ++byte) {
    if (machine.step(static_cast<uint8_t>(byte))) return true;
    machine.back();
  }
  return false;
}

std::string Matcher::forced_text(size_t limit) const {
  std::string text;
  if (is_stopped_ || is_complete_) return text;
  StackMachine& machine = matcher_machine();
  machine.begin_work();
  machine.begin(grammar_->rules(), stack_, positions_);
  while (text.size() < limit && !machine.is_complete()) {
    int forced = -1;
    for (int byte = 0; byte < 256 && forced != -2; ++byte) {
      if (machine.step(static_cast<uint8_t>(byte))) forced = forced == -1 ? byte : -2;
      machine.back();
    }
    if (forced < 0) break;
    machine.step(static_cast<uint8_t>(forced));
    text.push_back(static_cast<char>(forced));
  }
  return text;
}

}  // namespace paddock::grammar
