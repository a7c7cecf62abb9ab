// SPDX-License-Identifier: Apache-2.0
#include "cache/prefix_tree.h"

#include <algorithm>

#include "base/check.h"

namespace paddock::cache {

int64_t shared_tokens(std::span<const int32_t> a, std::span<const int32_t> b) {
  return std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin();
}

PrefixTree::PrefixTree(int64_t page_positions, std::span<PagePool> pools)
    : page_positions_(page_positions), pools_(pools) {}

PrefixTree::Node* PrefixTree::root(const Variant& variant) {
  if (const auto known = roots_.find(variant); known != roots_.end()) return &known->second;
  // Of variants that are gone, as soon as their last page is.
  std::erase_if(roots_, [](const auto& root) { return root.second.children.empty(); });
  return &roots_[variant];
}

PrefixTree::Match PrefixTree::match(std::span<const int32_t> tokens, const Variant& variant) {
  Match match;
  for (Node* node = root(variant); !tokens.empty();) {
    // In the order of texts, the child that shares most stands beside where these tokens would stand.
    const auto page = tokens.first(std::min(tokens.size(), static_cast<size_t>(page_positions_)));
    const auto after = node->children.lower_bound(std::vector<int32_t>(page.begin(), page.end()));
    Node* best = nullptr;
    int64_t most = 0;
    const auto consider = [&](Node* child) {
      const int64_t shared = shared_tokens(child->tokens, page);
      if (shared > most) most = shared, best = child;
    };
    if (after != node->children.end()) consider(after->second.get());
    if (after != node->children.begin()) consider(std::prev(after)->second.get());
    if (best == nullptr) return match;
    match.nodes.push_back(best);
    match.tokens_of_last = most;
    if (most < page_positions_) return match;
    tokens = tokens.subspan(static_cast<size_t>(most));
    node = best;
  }
  return match;
}

PrefixTree::Node* PrefixTree::node_after(Node* parent, std::span<const int32_t> tokens) {
  CHECK(!tokens.empty() && static_cast<int64_t>(tokens.size()) <= page_positions_);
  std::vector<int32_t> key(tokens.begin(), tokens.end());
  auto place = parent->children.lower_bound(key);
  if (place != parent->children.end() && place->first == key) return place->second.get();
  // A text that these continue stands directly before them.
  while (place != parent->children.begin()) {
    Node* before = std::prev(place)->second.get();
    if (shared_tokens(before->tokens, tokens) < static_cast<int64_t>(before->tokens.size()) || !is_idle(*before)) break;
    remove(before);
    place = parent->children.lower_bound(key);
  }
  auto node = std::make_unique<Node>();
  node->parent = parent;
  node->tokens = key;
  ++nodes_;
  return parent->children.emplace(std::move(key), std::move(node)).first->second.get();
}

void PrefixTree::put(Node* node, Group group, int32_t page) {
  CHECK(node->pages[group] == kNoPage);
  node->pages[group] = page;
  pools_[group].cache(page);
  node->used[group] = ++now_;
  least_recent_[group].emplace(node->used[group], node);
}

void PrefixTree::touch(Node* node, Group group) {
  if (node->pages[group] == kNoPage) return;
  least_recent_[group].erase({node->used[group], node});
  node->used[group] = ++now_;
  least_recent_[group].emplace(node->used[group], node);
}

bool PrefixTree::is_idle(const Node& node) const {
  return node.children.empty() && std::all_of(kAllGroups.begin(), kAllGroups.end(), [&](Group group) {
           return node.pages[group] == kNoPage || !pools_[group].is_held(node.pages[group]);
         });
}

bool PrefixTree::evict(Group group) {
  for (const auto& [used, node] : least_recent_[group]) {
    if (pools_[group].is_held(node->pages[group])) continue;
    // Without the page of global layers nothing after it can be used. Whoever holds a page holds those before it too,
    // so that what nobody holds has a leaf that nobody holds.
    if (group == kGlobal && !is_idle(*node)) continue;
    if (group == kGlobal)
      remove(node);
    else
      take_page(node, group);
    ++evictions_;
    return true;
  }
  return false;
}

void PrefixTree::take_page(Node* node, Group group) {
  if (node->pages[group] == kNoPage) return;
  least_recent_[group].erase({node->used[group], node});
  pools_[group].uncache(node->pages[group]);
  node->pages[group] = kNoPage;
}

void PrefixTree::remove(Node* node) {
  CHECK(node->children.empty());
  for (const Group group : kAllGroups) take_page(node, group);
  --nodes_;
  Node* parent = node->parent;
  parent->children.erase(parent->children.find(node->tokens));
}

}  // namespace paddock::cache
