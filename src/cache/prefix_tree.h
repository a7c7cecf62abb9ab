// SPDX-License-Identifier: Apache-2.0
#pragma once
// Pages by the text that they hold: what one sequence computed serves every other that begins alike. A node is a page
// of tokens after its parent's; it has the page of the global layers and, as long as that is worth its bytes, the page
// of the local ones.

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <vector>

#include "base/digest.h"
#include "cache/groups.h"
#include "cache/page_pool.h"

namespace paddock::cache {

// Tokens at the start that two texts share.
int64_t shared_tokens(std::span<const int32_t> a, std::span<const int32_t> b);

// What keys and values depend on beside their text: none for the model as it is, a digest for an adapter's. Texts of
// different variants share nothing.
using Variant = Digest;
inline constexpr Variant kNoVariant = {};

class PrefixTree {
 public:
  static constexpr int32_t kNoPage = -1;

  struct Node {
    Node* parent = nullptr;
    std::vector<int32_t> tokens;  // a page of them; fewer where a sequence ended
    std::array<int32_t, kGroups> pages = {kNoPage, kNoPage};
    std::array<uint64_t, kGroups> used = {};  // when each page last served, in the tree's own time
    std::map<std::vector<int32_t>, std::unique_ptr<Node>> children;
  };

  // `pools` outlive the tree, which marks pages in them as cached.
  PrefixTree(int64_t page_positions, std::span<PagePool> pools);
  PrefixTree(const PrefixTree&) = delete;

  // What stands before all texts of the variant; as long as another one is not asked for.
  Node* root(const Variant& variant = kNoVariant);

  // The nodes that `tokens` pass through, in order, and how many tokens of the last one they share: of all others it is
  // all of them.
  struct Match {
    std::vector<Node*> nodes;
    int64_t tokens_of_last = 0;
  };
  Match match(std::span<const int32_t> tokens, const Variant& variant = kNoVariant);

  // The node for `tokens` after `parent`: one that was there, or a new one without pages. Nodes that end within these
  // tokens are given up, if nobody holds them.
  Node* node_after(Node* parent, std::span<const int32_t> tokens);

  // The node holds the page from now on: it has none for the group, and a sequence holds the page.
  void put(Node* node, Group group, int32_t page);
  void touch(Node* node, Group group);

  // Gives up the page that has not served for longest and that nobody holds. False when there is none.
  bool evict(Group group);

  int64_t nodes() const { return nodes_; }
  uint64_t evictions() const { return evictions_; }

 private:
  using LeastRecent = std::set<std::pair<uint64_t, Node*>>;
  bool is_idle(const Node& node) const;
  void take_page(Node* node, Group group);
  void remove(Node* node);

  int64_t page_positions_;
  std::span<PagePool> pools_;
  std::map<Variant, Node> roots_;
  std::array<LeastRecent, kGroups> least_recent_;
  uint64_t now_ = 0;
  int64_t nodes_ = 0;
  uint64_t evictions_ = 0;
};

}  // namespace paddock::cache
