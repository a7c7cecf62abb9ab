// SPDX-License-Identifier: Apache-2.0
#pragma once
// Runs rules over bytes. All ways in which the text so far can be read are followed side by side; where several of them
// enter the same rule at the same byte they share one frame, so that ambiguity and left recursion cost polynomial time
// (Earley 1970; frames as in Scott and Johnstone's GLL, 2010).

#include <cstdint>
#include <span>
#include <vector>

#include "grammar/rules.h"

namespace paddock::grammar {

using FrameId = uint32_t;
constexpr FrameId kRootFrame = 0;

// One way to read the text so far: a state, how many repetitions of its rule are complete, and whom the rule returns
// to.
struct Position {
  StateId state = 0;
  uint32_t count = 0;
  FrameId frame = kRootFrame;
  bool operator==(const Position&) const = default;
};

// Rules that were entered and not left. Frame 0 is the root's, which returns nowhere.
struct Stack {
  static constexpr uint32_t kNone = ~uint32_t{0};
  struct Return {
    Position to;
    uint32_t next = kNone;  // another way back of the same frame
  };
  std::vector<uint32_t> frames = {kNone};  // the first way back of each
  std::vector<Return> returns;
};

class StackMachine {
 public:
  // Positions and what they may become without a byte; the stack is copied.
  void begin(const Rules& rules, const Stack& stack, std::span<const Position> positions);
  // Where the frame returns to.
  void begin_behind(const Rules& rules, const Stack& stack, FrameId frame);

  // Takes one byte more: a new level. False where no way to read it is left; back() undoes the step either way.
  bool step(uint8_t byte);
  void back();

  // Levels above the first.
  size_t depth() const { return levels_.size() - 1; }
  std::span<const Position> positions() const { return std::span(positions_).subspan(levels_.back().positions); }
  // Some reading has left the root frame at the last byte.
  bool is_complete() const { return levels_.back().is_complete; }
  // Frames of at least this number were entered after the last byte.
  FrameId first_new_frame() const { return levels_.back().frames; }
  size_t first_new_return() const { return levels_.back().returns; }
  const Stack& stack() const { return stack_; }

  // Used up where a grammar is so ambiguous that a token's worth of work would take a tenth of a second or more: what
  // is left is then not allowed, which keeps the output within the grammar.
  bool is_exhausted() const { return work_ > kMaxWork; }
  void begin_work() { work_ = 0; }  // of another token

  // Whether every text of up to `characters` plain characters can follow.
  bool allows_plain(uint8_t characters) const;

 private:
  static constexpr uint64_t kMaxWork = 20'000'000;
  static constexpr size_t kMaxPositions = 4096;  // of one level; more are dropped
  static constexpr size_t kFewPositions = 12;    // compared one by one

  struct Level {
    size_t positions = 0;  // where the level's begin
    FrameId frames = 0;    // how many there were before it
    size_t returns = 0;
    bool is_complete = false;
  };

  void start(const Rules& rules, const Stack& stack);
  void open_level();
  void arrive(const Position& position);  // with a state that may be the end of a repetition
  void add(const Position& position);
  void close();  // everything that follows without a byte
  void follow_calls(const Position& position, const Rules::State& state);
  void leave(FrameId frame);
  bool may_leave(const Position& position, const Rules::State& state) const;
  bool may_go_on(const Position& position, const Rules::State& state) const;

  const Rules* rules_ = nullptr;
  Stack stack_;
  std::vector<Position> positions_;
  std::vector<Level> levels_;
  uint64_t work_ = 0;

  struct Entered {
    uint64_t level = 0;
    FrameId frame = 0;
  };
  std::vector<Entered> entered_;  // by rule: its frame at the present level
  struct Slot {
    uint64_t level = 0;
    Position position;
  };
  std::vector<Slot> known_;  // the positions of a level that has many
  uint64_t level_number_ = 0;
};

}  // namespace paddock::grammar
