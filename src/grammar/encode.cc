// SPDX-License-Identifier: Apache-2.0
#include "grammar/encode.h"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>
#include <utility>

namespace paddock::grammar {

namespace {

constexpr Symbol kFirstSurrogate = 0xD800;
constexpr Symbol kFirstLowSurrogate = 0xDC00;
constexpr Symbol kFirstAstral = 0x10000;

using DigitRanges = std::vector<SymbolRange>;  // one for each digit of a number, most significant first

// The numbers low to high in `count` digits of `bits` bits: in each part every digit varies by itself.
std::vector<DigitRanges> digit_ranges(Symbol low, Symbol high, size_t count, int bits) {
  if (count == 1) return {{{low, high}}};
  const int below = static_cast<int>(count - 1) * bits;
  const Symbol mask = (Symbol{1} << below) - 1;
  std::vector<DigitRanges> parts;
  const auto append = [&](Symbol first, Symbol last) {
    for (DigitRanges& part : digit_ranges(first & mask, last & mask, count - 1, bits)) {
      part.insert(part.begin(), {first >> below, last >> below});
      parts.push_back(std::move(part));
    }
  };
  if (low >> below == high >> below) {
    append(low, high);
    return parts;
  }
  if ((low & mask) != 0) {
    append(low, low | mask);
    low = (low | mask) + 1;
  }
  const bool is_whole = (high & mask) == mask;
  const Symbol whole_high = is_whole ? high : (high & ~mask) - 1;
  if (low <= whole_high) append(low, whole_high);
  if (!is_whole) append(high & ~mask, high);
  return parts;
}

// Writes ranges of characters as paths of bytes that end in given states. Equal ends of paths are one.
class PathWriter {
 public:
  PathWriter(Nfa& nfa, Budget& budget) : nfa_(nfa), budget_(budget) {}

  Result<void> utf8(StateId from, Symbol low, Symbol high, StateId to) {
    // Each part has characters of one length whose first bytes and last bytes vary independently.
    static constexpr std::array<Symbol, 4> kLast = {0x7F, 0x7FF, 0xFFFF, kMaxCodePoint};
    for (size_t length = 1; length <= 4 && low <= high; ++length) {
      if (low > kLast[length - 1]) continue;
      const Symbol part_high = std::min(high, kLast[length - 1]);
      for (const SymbolRange& part : overlap(all_characters(), {low, part_high})) {
        if (length > 1)
          TRY_VOID(utf8_of_length(from, part, length, to));
        else
          nfa_.add_edge(from, part.low, part.high, to);
      }
      low = part_high + 1;
    }
    return {};
  }

  Result<void> json(StateId from, Symbol low, Symbol high, Escapes escapes, StateId to) {
    static const SymbolSet raw = all_characters_but({{0, 0x1F}, {'"', '"'}, {'\\', '\\'}});
    const SymbolRange range{low, high};
    for (const SymbolRange& part : overlap(raw, range)) TRY_VOID(utf8(from, part.low, part.high, to));
    static constexpr std::string_view kShort = "\"\\/\b\f\n\r\t";
    static constexpr std::string_view kLetters = "\"\\/bfnrt";
    for (size_t i = 0; i < kShort.size(); ++i) {
      const auto character = static_cast<Symbol>(kShort[i]);
      if (character < low || character > high) continue;
      const auto letter = static_cast<uint8_t>(kLetters[i]);
      nfa_.add_edge(from, '\\', '\\', TRY(state({{letter, letter}}, to)));
    }
    static const SymbolSet not_ascii = normalised({{0, 0x1F}, {'"', '"'}, {'\\', '\\'}, {0x7F, kMaxCodePoint}});
    static const SymbolSet all = {{0, kMaxCodePoint}};
    for (const SymbolRange& part : overlap(escapes == Escapes::kAll ? all : not_ascii, range))
      TRY_VOID(escaped(from, part, to));
    return {};
  }

 private:
  using Ranges = std::vector<std::pair<uint8_t, uint8_t>>;

  static SymbolSet overlap(const SymbolSet& set, const SymbolRange& range) {
    SymbolSet parts;
    for (const SymbolRange& other : set) {
      const SymbolRange part{std::max(other.low, range.low), std::min(other.high, range.high)};
      if (part.low <= part.high) parts.push_back(part);
    }
    return parts;
  }

  // A state from which one byte of `ranges` leads to `to`: always the same for the same arguments.
  Result<StateId> state(const Ranges& ranges, StateId to) {
    const auto [place, is_new] = known_.try_emplace({ranges, to}, StateId{0});
    if (is_new) {
      TRY_VOID(budget_.spend(ranges.size() + kStateCost));
      place->second = nfa_.add_state();
      for (const auto& [low, high] : ranges) nfa_.add_edge(place->second, low, high, to);
    }
    return place->second;
  }

  // Digits of six bits are continuation bytes, digits of four bits are hexadecimal.
  Result<StateId> digit_state(Symbol low, Symbol high, int bits, StateId to) {
    if (bits == 6) return state({{0x80 + low, 0x80 + high}}, to);
    Ranges ranges;
    if (low <= 9) ranges.emplace_back('0' + low, '0' + std::min<Symbol>(high, 9));
    for (const char a : {'A', 'a'})
      if (high >= 10) ranges.emplace_back(a + std::max<Symbol>(low, 10) - 10, a + high - 10);
    return state(ranges, to);
  }

  // A state from which the digits after the first lead to `to`.
  Result<StateId> later_digits(const DigitRanges& number, int bits, StateId to) {
    for (size_t i = number.size() - 1; i > 0; --i) to = TRY(digit_state(number[i].low, number[i].high, bits, to));
    return to;
  }

  Result<void> utf8_of_length(StateId from, SymbolRange range, size_t length, StateId to) {
    static constexpr std::array<Symbol, 5> kLead = {0, 0, 0xC0, 0xE0, 0xF0};
    for (const DigitRanges& number : digit_ranges(range.low, range.high, length, 6)) {
      TRY_VOID(budget_.spend(1));
      const StateId next = TRY(later_digits(number, 6, to));
      nfa_.add_edge(from, kLead[length] + number[0].low, kLead[length] + number[0].high, next);
    }
    return {};
  }

  // \uXXXX, or two of them beyond the sixteenth bit.
  Result<void> escaped(StateId from, SymbolRange range, StateId to) {
    for (const SymbolRange& part : overlap(all_characters(), range)) {
      if (part.low < kFirstAstral) {
        const StateId hex = nfa_.add_state();
        TRY_VOID(four_digits(hex, part.low, std::min(part.high, kFirstAstral - 1), to));
        TRY_VOID(backslash_u(from, hex));
      }
      if (part.high >= kFirstAstral)
        TRY_VOID(surrogates(from, std::max(part.low, kFirstAstral) - kFirstAstral, part.high - kFirstAstral, to));
    }
    return {};
  }

  Result<void> surrogates(StateId from, Symbol low, Symbol high, StateId to) {
    struct Part {
      Symbol first_high, last_high, first_low, last_low;
    };
    std::vector<Part> parts;
    const Symbol h0 = low >> 10, h1 = high >> 10, l0 = low & 0x3FF, l1 = high & 0x3FF;
    if (h0 == h1) {
      parts.push_back({h0, h0, l0, l1});
    } else {
      parts.push_back({h0, h0, l0, 0x3FF});
      if (h0 + 1 < h1) parts.push_back({h0 + 1, h1 - 1, 0, 0x3FF});
      parts.push_back({h1, h1, 0, l1});
    }
    for (const Part& part : parts) {
      const StateId low_hex = nfa_.add_state(), between = nfa_.add_state(), high_hex = nfa_.add_state();
      TRY_VOID(four_digits(low_hex, kFirstLowSurrogate + part.first_low, kFirstLowSurrogate + part.last_low, to));
      TRY_VOID(backslash_u(between, low_hex));
      TRY_VOID(four_digits(high_hex, kFirstSurrogate + part.first_high, kFirstSurrogate + part.last_high, between));
      TRY_VOID(backslash_u(from, high_hex));
    }
    return {};
  }

  Result<void> four_digits(StateId from, Symbol low, Symbol high, StateId to) {
    for (const DigitRanges& number : digit_ranges(low, high, 4, 4)) {
      const StateId next = TRY(later_digits(number, 4, to));
      nfa_.add_free(from, TRY(digit_state(number[0].low, number[0].high, 4, next)));
    }
    return {};
  }

  Result<void> backslash_u(StateId from, StateId hex) {
    nfa_.add_edge(from, '\\', '\\', TRY(state({{'u', 'u'}}, hex)));
    return {};
  }

  Nfa& nfa_;
  Budget& budget_;
  std::map<std::pair<Ranges, StateId>, StateId> known_;
};

}  // namespace

Result<Nfa> encode_utf8(const Nfa& nfa, Budget& budget) {
  Nfa bytes;
  while (bytes.size() < nfa.size()) bytes.add_state();
  PathWriter writer(bytes, budget);
  for (StateId state = 0; state < nfa.size(); ++state) {
    for (const StateId target : nfa[state].free) bytes.add_free(state, target);
    for (const Edge& edge : nfa[state].edges) {
      if (edge.low >= kFirstCall)
        bytes.add_edge(state, edge.low, edge.high, edge.target);
      else
        TRY_VOID(writer.utf8(state, edge.low, edge.high, edge.target));
    }
  }
  return bytes;
}

Result<Nfa> encode_json_string(const Dfa& dfa, Escapes escapes, Budget& budget) {
  Nfa bytes;
  std::vector<StateId> ids(dfa.states.size());
  for (StateId& id : ids) id = bytes.add_state();
  if (!ids.empty()) bytes.add_free(bytes.start(), ids[0]);
  PathWriter writer(bytes, budget);
  for (size_t state = 0; state < ids.size(); ++state) {
    if (dfa.states[state].accepting) bytes.add_free(ids[state], bytes.accept());
    for (const Edge& edge : dfa.states[state].edges)
      TRY_VOID(writer.json(ids[state], edge.low, edge.high, escapes, ids[edge.target]));
  }
  return bytes;
}

}  // namespace paddock::grammar
