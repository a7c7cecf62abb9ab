// SPDX-License-Identifier: Apache-2.0
#pragma once
// Byte strings as a tree that is walked from front to back: nodes in preorder, each with where its subtree ends.

#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace paddock::grammar {

class ByteTrie {
 public:
  struct Node {
    uint32_t end = 0;         // the node after the subtree
    uint32_t first_item = 0;  // items of the subtree: from here to the first item of node `end`
    uint16_t depth = 0;       // bytes from the root, at least 1
    uint8_t byte = 0;
    // The most plain characters (plain_text.h) between this node and the end of an item below it; kNotPlain where
    // something else lies between them.
    uint8_t plain_below = 0;
  };
  static constexpr uint8_t kNotPlain = 255;

  ByteTrie() = default;
  // Empty strings are left out; several items may have the same string. Strings are shorter than 64 KB.
  explicit ByteTrie(std::vector<std::pair<std::string_view, int32_t>> items);

  uint32_t size() const { return static_cast<uint32_t>(nodes_.size()) - 1; }
  bool empty() const { return nodes_.size() < 2; }
  const Node& operator[](uint32_t node) const { return nodes_[node]; }
  // Items whose string ends at the node, and all of its subtree.
  std::span<const int32_t> items_at(uint32_t node) const { return items(node, node + 1); }
  std::span<const int32_t> items_below(uint32_t node) const { return items(node, nodes_[node].end); }
  size_t longest() const { return longest_; }
  size_t bytes() const { return nodes_.capacity() * sizeof(Node) + items_.capacity() * sizeof(int32_t); }

 private:
  std::span<const int32_t> items(uint32_t first, uint32_t last) const {
    return std::span(items_).subspan(nodes_[first].first_item, nodes_[last].first_item - nodes_[first].first_item);
  }
  void find_plain_below();
  uint8_t plain_after(uint32_t node) const;

  std::vector<Node> nodes_ = {Node{}};  // and one behind the last
  std::vector<int32_t> items_;
  size_t longest_ = 0;
};

}  // namespace paddock::grammar
