// SPDX-License-Identifier: Apache-2.0
#include "grammar/stack_machine.h"

#include <algorithm>

namespace paddock::grammar {

void StackMachine::start(const Rules& rules, const Stack& stack) {
  rules_ = &rules;
  stack_ = stack;
  positions_.clear();
  levels_.clear();
  if (entered_.size() < rules.rules.size()) entered_.resize(rules.rules.size());
  open_level();
}

void StackMachine::begin(const Rules& rules, const Stack& stack, std::span<const Position> positions) {
  start(rules, stack);
  for (const Position& position : positions) add(position);
  close();
}

void StackMachine::begin_behind(const Rules& rules, const Stack& stack, FrameId frame) {
  start(rules, stack);
  leave(frame);
  close();
}

void StackMachine::open_level() {
  levels_.push_back({.positions = positions_.size(),
                     .frames = static_cast<FrameId>(stack_.frames.size()),
                     .returns = stack_.returns.size()});
  ++level_number_;
}

void StackMachine::back() {
  const Level& level = levels_.back();
  positions_.resize(level.positions);
  stack_.frames.resize(level.frames);
  stack_.returns.resize(level.returns);
  levels_.pop_back();
}

bool StackMachine::step(uint8_t byte) {
  const size_t first = levels_.back().positions;
  const size_t last = positions_.size();
  open_level();
  work_ += last - first + 1;
  if (is_exhausted()) return false;
  bool is_closed = true;
  for (size_t i = first; i < last; ++i) {
    const Position from = positions_[i];
    const StateId target = rules_->step(from.state, byte);
    if (target == kNoState) continue;
    const Rules::State& state = rules_->states[from.state];
    if (!state.is_plain && !may_go_on(from, state)) continue;
    if (rules_->states[target].is_plain && positions_.size() == last) {
      positions_.push_back({target, from.count, from.frame});  // the usual case: one reading, inside a rule
      continue;
    }
    is_closed = false;
    arrive({target, from.count, from.frame});
  }
  if (!is_closed || positions_.size() > last + 1) close();
  return positions_.size() > last;
}

bool StackMachine::may_leave(const Position& position, const Rules::State& state) const {
  const Rules::Rule& rule = rules_->rules[state.rule];
  return rule.is_counted ? position.state == rule.start && position.count >= rule.min : state.accepting;
}

bool StackMachine::may_go_on(const Position& position, const Rules::State& state) const {
  const Rules::Rule& rule = rules_->rules[state.rule];
  return !rule.is_counted || position.state != rule.start || position.count < rule.max;
}

void StackMachine::arrive(const Position& position) {
  const Rules::State& state = rules_->states[position.state];
  const Rules::Rule& rule = rules_->rules[state.rule];
  if (rule.is_counted && state.accepting) {
    // Without an upper bound, counting ends at the lower one.
    const bool is_counted_on = rule.max != kUnbounded || position.count < rule.min;
    add({rule.start, position.count + (is_counted_on ? 1 : 0), position.frame});
    if (state.only_ends) return;
  }
  add(position);
}

void StackMachine::add(const Position& position) {
  const size_t first = levels_.back().positions;
  const size_t count = positions_.size() - first;
  if (count < kFewPositions) {
    if (std::find(positions_.begin() + static_cast<ptrdiff_t>(first), positions_.end(), position) == positions_.end())
      positions_.push_back(position);
    return;
  }
  if (count >= kMaxPositions) return;
  constexpr size_t kSlots = 4 * kMaxPositions;
  if (known_.empty()) known_.resize(kSlots);
  const auto remember = [&](const Position& one) {
    size_t slot = (one.state * size_t{0x9E3779B1} ^ one.frame * size_t{0x85EBCA77} ^ one.count * size_t{0xC2B2AE3D});
    for (slot = (slot ^ slot >> 17) % kSlots; known_[slot].level == level_number_; slot = (slot + 1) % kSlots)
      if (known_[slot].position == one) return false;
    known_[slot] = {level_number_, one};
    return true;
  };
  if (count == kFewPositions)
    for (size_t i = first; i < positions_.size(); ++i) remember(positions_[i]);
  if (remember(position)) positions_.push_back(position);
}

void StackMachine::close() {
  for (size_t i = levels_.back().positions; i < positions_.size(); ++i) {
    const Position position = positions_[i];
    const Rules::State& state = rules_->states[position.state];
    if (state.is_plain) continue;
    ++work_;
    if (state.calls > 0 && may_go_on(position, state)) follow_calls(position, state);
    if (may_leave(position, state)) leave(position.frame);
  }
}

void StackMachine::follow_calls(const Position& position, const Rules::State& state) {
  for (uint32_t i = 0; i < state.calls; ++i) {
    const Rules::Call& call = rules_->calls[state.first_call + i];
    const Rules::Rule& rule = rules_->rules[call.rule];
    const Position target{call.target, position.count, position.frame};
    if (rule.is_nullable) arrive(target);
    Entered& entered = entered_[call.rule];
    if (entered.level != level_number_) {
      entered = {level_number_, static_cast<FrameId>(stack_.frames.size())};
      stack_.frames.push_back(Stack::kNone);
    }
    uint32_t& first = stack_.frames[entered.frame];
    Stack::Return way_back{target, first};
    // Where nothing follows the call, its rule may as well return to where this one would: chains of calls at the end
    // of rules stay short. Only for frames that get no further ways back.
    const Rules::State& after = rules_->states[call.target];
    if (after.only_ends && !rules_->rules[after.rule].is_counted && position.frame != kRootFrame &&
        position.frame < levels_.back().frames) {
      const uint32_t outer = stack_.frames[position.frame];
      if (outer != Stack::kNone && stack_.returns[outer].next == Stack::kNone) way_back.to = stack_.returns[outer].to;
    }
    bool is_known = false;
    uint32_t known_ways = 0;
    for (uint32_t other = first; other != Stack::kNone && known_ways < 64;
         other = stack_.returns[other].next, ++known_ways)
      is_known |= stack_.returns[other].to == way_back.to;
    if (!is_known) {
      first = static_cast<uint32_t>(stack_.returns.size());
      stack_.returns.push_back(way_back);
    }
    add({rule.start, 0, entered.frame});
  }
}

void StackMachine::leave(FrameId frame) {
  if (frame == kRootFrame) {
    levels_.back().is_complete = true;
    return;
  }
  for (uint32_t way = stack_.frames[frame]; way != Stack::kNone; way = stack_.returns[way].next) {
    ++work_;
    arrive(Position(stack_.returns[way].to));
  }
}

bool StackMachine::allows_plain(uint8_t characters) const {
  constexpr size_t kLookedAt = 4;
  const std::span<const Position> all = positions();
  for (const Position& position : all.first(std::min(all.size(), kLookedAt))) {
    const Rules::State& state = rules_->states[position.state];
    if (state.plain_depth < characters) continue;
    const Rules::Rule& rule = rules_->rules[state.rule];
    if (!rule.is_counted || rule.max == kUnbounded) return true;
    const uint32_t begun = position.count + (position.state == rule.start ? 0 : 1);
    if (rule.max >= begun && rule.max - begun >= characters) return true;
  }
  return false;
}

}  // namespace paddock::grammar
