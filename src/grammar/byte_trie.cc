// SPDX-License-Identifier: Apache-2.0
#include "grammar/byte_trie.h"

#include <algorithm>
#include <string>

#include "grammar/plain_text.h"

namespace paddock::grammar {

ByteTrie::ByteTrie(std::vector<std::pair<std::string_view, int32_t>> items) {
  std::erase_if(items, [](const auto& item) { return item.first.empty(); });
  std::sort(items.begin(), items.end());
  items.erase(std::unique(items.begin(), items.end()), items.end());
  nodes_.clear();
  items_.reserve(items.size());
  std::vector<uint32_t> path;  // nodes of the string before
  std::string_view before;
  const auto leave = [&](size_t depth) {
    for (; path.size() > depth; path.pop_back()) nodes_[path.back()].end = static_cast<uint32_t>(nodes_.size());
  };
  for (const auto& [text, item] : items) {
    const auto differs = std::mismatch(before.begin(), before.end(), text.begin(), text.end()).first;
    leave(static_cast<size_t>(differs - before.begin()));
    while (path.size() < text.size()) {
      path.push_back(static_cast<uint32_t>(nodes_.size()));
      nodes_.push_back({.first_item = static_cast<uint32_t>(items_.size()),
                        .depth = static_cast<uint16_t>(path.size()),
                        .byte = static_cast<uint8_t>(text[path.size() - 1])});
    }
    items_.push_back(item);
    longest_ = std::max(longest_, text.size());
    before = text;
  }
  leave(0);
  nodes_.push_back({.end = static_cast<uint32_t>(nodes_.size()), .first_item = static_cast<uint32_t>(items_.size())});
  find_plain_below();
}

void ByteTrie::find_plain_below() {
  for (uint32_t node = size(); node-- > 0;) nodes_[node].plain_below = plain_after(node);
}

// All nodes after `node` are known already. A character's bytes are followed to its end here.
uint8_t ByteTrie::plain_after(uint32_t node) const {
  int most = 0;
  std::string character;
  const size_t base = nodes_[node].depth;
  for (uint32_t at = node + 1; at < nodes_[node].end;) {
    const Node& next = nodes_[at];
    character.resize(next.depth - base - 1);
    character.push_back(static_cast<char>(next.byte));
    const Utf8Character read = decode_utf8(character);
    if (!read.valid) {
      // Bytes that may still become a character: no item may end among them.
      if (incomplete_utf8_suffix(character) != character.size() || !items_at(at).empty()) return kNotPlain;
      ++at;
      continue;
    }
    if (!is_plain(read.code_point) || next.plain_below == kNotPlain) return kNotPlain;
    most = std::max(most, next.plain_below + 1);
    at = next.end;
  }
  return most >= kNotPlain ? kNotPlain : static_cast<uint8_t>(most);
}

}  // namespace paddock::grammar
