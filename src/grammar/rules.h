// SPDX-License-Identifier: Apache-2.0
#pragma once
// A grammar as machines over bytes that call each other: what a matcher runs.

#include <array>
#include <bitset>
#include <optional>
#include <string>
#include <vector>

#include "grammar/automaton.h"
#include "grammar/expression.h"

namespace paddock::grammar {

using ByteSet = std::bitset<256>;

// Equal for rules that allow the same tokens in the same states, whatever grammar they are in. Hashed with numbers
// drawn at the start of the process, so that no grammar can be made to share another's.
struct RuleKey {
  uint64_t high = 0;
  uint64_t low = 0;
  bool operator==(const RuleKey&) const = default;
};

// Immutable once built.
struct Rules {
  struct Call {
    RuleId rule;
    StateId target;
  };
  struct State {
    RuleId rule = 0;
    uint32_t first_call = 0;
    uint32_t calls = 0;
    bool accepting = false;  // of a counted rule: one more repetition is complete
    bool only_ends = false;  // accepting, with nothing after it
    bool is_plain = false;   // nothing but bytes: not accepting, no calls, not the start of a counted rule
    uint8_t plain_depth =
        0;  // after any text of up to so many plain characters (plain_text.h) the rule goes on; at most 254
  };
  // A counted rule is its automaton repeated: its start is where a repetition ends and another may begin.
  struct Rule {
    StateId start = 0;
    uint32_t min = 1, max = 1;
    bool is_counted = false;
    bool is_nullable = false;
    bool is_simple = true;  // calls no rule, and where a repetition is complete it cannot go on
    ByteSet follow;         // bytes that may come after it, at least
    RuleKey key;
  };

  std::array<uint8_t, 256> byte_class{};  // bytes that no state tells apart
  size_t classes = 1;
  std::vector<StateId> next;  // [state * classes + class], kNoState where there is none
  std::vector<State> states;
  std::vector<Call> calls;
  std::vector<Rule> rules;
  RuleId root = 0;

  StateId step(StateId state, uint8_t byte) const { return next[state * classes + byte_class[byte]]; }
};

constexpr uint8_t kPlainForever = 254;

// How often a rule's automaton stands.
struct Count {
  uint32_t min = 0;
  uint32_t max = kUnbounded;
};

// Collects rules, which may call each other before they are defined.
class RuleBuilder {
 public:
  explicit RuleBuilder(Budget& budget) : budget_(budget) {}

  RuleId declare();
  size_t size() const { return drafts_.size(); }

  // `nfa` is over code points (which are turned into UTF-8) or over bytes, and calls.
  Result<void> define(RuleId rule, const Nfa& code_points, std::optional<Count> count = {});
  Result<void> define_bytes(RuleId rule, const Nfa& bytes, std::optional<Count> count = {});

  // Errors where no text belongs to the grammar at all.
  Result<Rules> finish(RuleId root) &&;

 private:
  struct Draft {
    Dfa automaton;  // over bytes and calls
    std::optional<Count> count;
  };
  Budget& budget_;
  std::vector<Draft> drafts_;
};

}  // namespace paddock::grammar
