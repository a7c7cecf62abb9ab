// SPDX-License-Identifier: Apache-2.0
#include "grammar/rule_facts.h"

#include <algorithm>
#include <random>

namespace paddock::grammar {

namespace {

// Calls `visit(state)`, which says whether it changed anything, until nothing changes. Facts travel from rules to their
// callers and back, and callers have the lower numbers: by turns in either direction, chains of calls take few passes.
template <typename Visit>
void until_stable(const Rules& rules, const Visit& visit) {
  const auto count = static_cast<StateId>(rules.states.size());
  bool backwards = true;
  for (bool changed = true; changed; backwards = !backwards) {
    changed = false;
    for (StateId i = 0; i < count; ++i) changed |= visit(backwards ? count - 1 - i : i);
  }
}

// The states from which their rule may end without another byte, as far as counts allow.
std::vector<bool> ending_states(Rules& rules) {
  std::vector<bool> ends(rules.states.size());
  for (StateId state = 0; state < ends.size(); ++state) ends[state] = rules.states[state].accepting;
  for (Rules::Rule& rule : rules.rules) rule.is_nullable = rule.is_counted ? rule.min == 0 : ends[rule.start];
  until_stable(rules, [&](StateId id) {
    if (ends[id]) return false;
    const Rules::State& state = rules.states[id];
    for (uint32_t i = 0; i < state.calls; ++i) {
      const Rules::Call& call = rules.calls[state.first_call + i];
      if (!rules.rules[call.rule].is_nullable || !ends[call.target]) continue;
      ends[id] = true;
      Rules::Rule& rule = rules.rules[state.rule];
      if (id == rule.start) rule.is_nullable = true;
      return true;
    }
    return false;
  });
  for (Rules::Rule& rule : rules.rules) {
    if (!rule.is_counted) continue;
    if (rule.is_nullable) rule.min = 0;  // repetitions of nothing count too
    ends[rule.start] = true;
  }
  return ends;
}

bool merge(ByteSet& into, const ByteSet& from) {
  const ByteSet joined = into | from;
  if (joined == into) return false;
  into = joined;
  return true;
}

// The bytes that may come next in each state, in its own rule or in one that it calls.
std::vector<ByteSet> first_bytes(const Rules& rules) {
  std::vector<ByteSet> first(rules.states.size());
  for (StateId state = 0; state < first.size(); ++state)
    for (size_t byte = 0; byte < 256; ++byte)
      if (rules.step(state, static_cast<uint8_t>(byte)) != kNoState) first[state].set(byte);
  until_stable(rules, [&](StateId id) {
    const Rules::State& state = rules.states[id];
    const Rules::Rule& rule = rules.rules[state.rule];
    bool changed = false;
    for (uint32_t i = 0; i < state.calls; ++i) {
      const Rules::Call& call = rules.calls[state.first_call + i];
      changed |= merge(first[id], first[rules.rules[call.rule].start]);
      if (rules.rules[call.rule].is_nullable) changed |= merge(first[id], first[call.target]);
    }
    if (rule.is_counted && state.accepting) changed |= merge(first[id], first[rule.start]);
    return changed;
  });
  return first;
}

void find_follow(Rules& rules) {
  const std::vector<bool> ends = ending_states(rules);
  const std::vector<ByteSet> first = first_bytes(rules);
  until_stable(rules, [&](StateId id) {
    const Rules::State& state = rules.states[id];
    bool changed = false;
    for (uint32_t i = 0; i < state.calls; ++i) {
      const Rules::Call& call = rules.calls[state.first_call + i];
      ByteSet& follow = rules.rules[call.rule].follow;
      changed |= merge(follow, first[call.target]);
      if (ends[call.target]) changed |= merge(follow, rules.rules[state.rule].follow);
    }
    return changed;
  });
}

// Where any one plain character leads to from `from`, or nothing where one of them has no way on.
class PlainSteps {
 public:
  explicit PlainSteps(const Rules& rules) : rules_(rules) {}

  bool targets(StateId from, std::vector<StateId>& found) {
    found.clear();
    for (size_t byte = 0x20; byte < 0x80; ++byte)
      if (byte != '"' && byte != '\\' && !add(from, static_cast<uint8_t>(byte), found)) return false;
    struct Lead {
      uint8_t low, high, second_low, second_high;
      int more;  // continuation bytes after the second
    };
    // Table 3-7 of the Unicode standard.
    static constexpr Lead kLeads[] = {{0xC2, 0xDF, 0x80, 0xBF, 0}, {0xE0, 0xE0, 0xA0, 0xBF, 1},
                                      {0xE1, 0xEC, 0x80, 0xBF, 1}, {0xED, 0xED, 0x80, 0x9F, 1},
                                      {0xEE, 0xEF, 0x80, 0xBF, 1}, {0xF0, 0xF0, 0x90, 0xBF, 2},
                                      {0xF1, 0xF3, 0x80, 0xBF, 2}, {0xF4, 0xF4, 0x80, 0x8F, 2}};
    for (const Lead& lead : kLeads) {
      std::vector<StateId> at = {from};
      if (!advance(at, lead.low, lead.high) || !advance(at, lead.second_low, lead.second_high)) return false;
      for (int i = 0; i < lead.more; ++i)
        if (!advance(at, 0x80, 0xBF)) return false;
      found.insert(found.end(), at.begin(), at.end());
    }
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    return true;
  }

 private:
  bool add(StateId from, uint8_t byte, std::vector<StateId>& found) const {
    const StateId target = rules_.step(from, byte);
    if (target == kNoState) return false;
    if (found.empty() || found.back() != target) found.push_back(target);
    return true;
  }

  bool advance(std::vector<StateId>& at, uint8_t low, uint8_t high) const {
    std::vector<StateId> next;
    for (const StateId state : at)
      for (size_t byte = low; byte <= high; ++byte)
        if (!add(state, static_cast<uint8_t>(byte), next)) return false;
    std::sort(next.begin(), next.end());
    next.erase(std::unique(next.begin(), next.end()), next.end());
    at = std::move(next);
    return true;
  }

  const Rules& rules_;
};

// The least number of plain characters that leads out of the rule: breadth first, from where one may.
void find_plain_depth(Rules& rules) {
  std::vector<std::vector<StateId>> sources(rules.states.size());
  std::vector<StateId> reached;
  std::vector<StateId> targets;
  PlainSteps steps(rules);
  for (StateId id = 0; id < rules.states.size(); ++id) {
    rules.states[id].plain_depth = kPlainForever;
    if (!steps.targets(id, targets)) {
      rules.states[id].plain_depth = 0;
      reached.push_back(id);
      continue;
    }
    for (const StateId target : targets) {
      // Behind a repetition another may begin.
      const Rules::Rule& rule = rules.rules[rules.states[target].rule];
      sources[rule.is_counted && rules.states[target].accepting ? rule.start : target].push_back(id);
    }
  }
  for (size_t i = 0; i < reached.size(); ++i) {
    const uint8_t depth = rules.states[reached[i]].plain_depth;
    if (depth + 1 >= kPlainForever) continue;
    for (const StateId source : sources[reached[i]]) {
      if (rules.states[source].plain_depth != kPlainForever) continue;
      rules.states[source].plain_depth = static_cast<uint8_t>(depth + 1);
      reached.push_back(source);
    }
  }
  // Beyond 253 the number is not known, so it says no more than that.
  for (size_t i = 0; i < reached.size(); ++i)
    for (const StateId source : sources[reached[i]])
      if (rules.states[source].plain_depth == kPlainForever) {
        rules.states[source].plain_depth = kPlainForever - 1;
        reached.push_back(source);
      }
}

class Hash {
 public:
  Hash() : key_(seed()) {}
  void add(uint64_t part) {
    key_.high = mix(key_.high ^ part, 0x9FB21C651E98DF25u);
    key_.low = mix(key_.low + part, 0xD6E8FEB86659FD93u) ^ (key_.high >> 32);
  }
  RuleKey key() const { return key_; }

 private:
  static RuleKey seed() {
    static const RuleKey drawn = [] {
      std::random_device device;
      const auto draw = [&device] { return uint64_t{device()} << 32 | device(); };
      return RuleKey{draw(), draw()};
    }();
    return drawn;
  }
  uint64_t mix(uint64_t value, uint64_t factor) const {
    value = (value ^ (value >> 31)) * (factor ^ (seed().low | 1));
    return value ^ (value >> 29);
  }
  RuleKey key_;
};

void add_rule(Hash& hash, const Rules& rules, RuleId id, StateId end) {
  const Rules::Rule& rule = rules.rules[id];
  hash.add(rule.is_counted ? 1 + (uint64_t{rule.min} << 32 | rule.max) : 0);
  for (size_t word = 0; word < 4; ++word) {
    uint64_t bits = 0;
    for (size_t bit = 0; bit < 64; ++bit) bits |= uint64_t{rule.follow[word * 64 + bit]} << bit;
    hash.add(bits);
  }
  for (StateId state = rule.start; state < end; ++state) {
    hash.add(uint64_t{end - state} << 1 | uint64_t{rules.states[state].accepting});
    for (size_t byte = 0; byte < 256;) {
      const StateId target = rules.step(state, static_cast<uint8_t>(byte));
      const size_t first = byte;
      while (byte < 256 && rules.step(state, static_cast<uint8_t>(byte)) == target) ++byte;
      if (target != kNoState) hash.add(uint64_t{target - rule.start} << 18 | first << 9 | byte);
    }
    for (uint32_t i = 0; i < rules.states[state].calls; ++i) {
      const Rules::Call& call = rules.calls[rules.states[state].first_call + i];
      hash.add(uint64_t{call.rule} << 32 | (call.target - rule.start));
    }
  }
}

void find_keys(Rules& rules) {
  Hash whole;
  std::vector<bool> is_alone(rules.rules.size(), true);
  const auto end_of = [&](RuleId rule) {
    return rule + 1 < rules.rules.size() ? rules.rules[rule + 1].start : static_cast<StateId>(rules.states.size());
  };
  for (RuleId id = 0; id < rules.rules.size(); ++id) {
    add_rule(whole, rules, id, end_of(id));
    for (StateId state = rules.rules[id].start; state < end_of(id); ++state)
      if (rules.states[state].calls > 0) is_alone[id] = false;
  }
  for (RuleId id = 0; id < rules.rules.size(); ++id) {
    Hash hash;
    if (is_alone[id]) {
      add_rule(hash, rules, id, end_of(id));
    } else {
      hash.add(whole.key().high);
      hash.add(whole.key().low);
      hash.add(id);
    }
    rules.rules[id].key = hash.key();
  }
}

}  // namespace

void find_facts(Rules& rules) {
  find_follow(rules);
  find_plain_depth(rules);
  find_keys(rules);
}

}  // namespace paddock::grammar
