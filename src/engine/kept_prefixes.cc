// SPDX-License-Identifier: Apache-2.0
#include "engine/kept_prefixes.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace paddock::engine {
namespace {

using cache::Group;
using cache::kAllGroups;
using cache::kGlobal;
using cache::kLocal;
using cache::PageName;
using cache::PrefixTree;

// Each way; a page of a large model takes about as long, and one is always copied.
constexpr double kLongestPortion = 0.003;  // seconds
constexpr double kLongestWait = 5;         // seconds for a page; then the disk is too slow to be worth it
constexpr size_t kMostKept = 256;          // texts that wait to be written

}  // namespace

// What stands before the first page of a variant's texts.
Digest KeptPrefixes::root_of(const cache::Variant& variant) const {
  return variant == cache::kNoVariant ? folder_.root() : sha256({to_hex(folder_.root()), to_hex(variant)});
}

void KeptPrefixes::keep(std::span<const int32_t> tokens, const cache::Variant& variant) {
  if (tokens.empty() || keeping_.size() >= kMostKept || !folder_.is_writable()) return;
  const int64_t positions = cache_.shape()[kGlobal].page_positions;
  const auto pages = (static_cast<int64_t>(tokens.size()) + positions - 1) / positions;
  keeping_.push_back({{tokens.begin(), tokens.end()}, variant, {root_of(variant)}, folder_.moment(pages)});
}

void KeptPrefixes::copy_some() {
  bring_in();
  write_out();
}

void KeptPrefixes::write_out() {
  const Stopwatch watch;
  while (!keeping_.empty() && watch.seconds() < kLongestPortion) {
    if (!write_out(&keeping_.front(), watch)) return;
    keeping_.pop_front();
  }
}

// False when the rest of the text has to wait.
bool KeptPrefixes::write_out(Keeping* text, const Stopwatch& watch) {
  if (!folder_.is_writable()) return true;
  const PrefixTree::Match match = cache_.remembered(text->tokens, text->variant);
  const cache::GroupShape& local = cache_.shape()[kLocal];
  const int64_t length = static_cast<int64_t>(text->tokens.size());
  const auto first_local = static_cast<size_t>(local.layers == 0 ? 0 : local.first_visible_page(length));
  for (size_t page = text->before.size() - 1; page < match.nodes.size(); ++page) {
    const PrefixTree::Node& node = *match.nodes[page];
    for (const Group group : kAllGroups) {
      PageName name{text->before.back(), node.tokens, group};
      if (node.pages[group] == PrefixTree::kNoPage || (group == kLocal && page < first_local) || folder_.has(name))
        continue;
      if (!folder_.can_write() || watch.seconds() >= kLongestPortion) return false;
      const int64_t behind = static_cast<int64_t>(match.nodes.size() - 1 - page);
      folder_.write(std::move(name), text->moment + behind, memory_.read_page(group, node.pages[group]));
    }
    text->before.push_back(cache::text_digest(text->before.back(), node.tokens));
  }
  for (size_t page = 0; page < match.nodes.size(); ++page) {
    const int64_t moment = text->moment + static_cast<int64_t>(match.nodes.size() - 1 - page);
    folder_.use({text->before[page], match.nodes[page]->tokens, kGlobal}, moment);
    if (page >= first_local) folder_.use({text->before[page], match.nodes[page]->tokens, kLocal}, moment);
  }
  return true;
}

bool KeptPrefixes::is_waiting(RequestId request) const {
  const auto asked = asked_.find(request);
  return reading_ && asked != asked_.end() && asked->second;
}

bool KeptPrefixes::is_worth_waiting(RequestId request, std::span<const int32_t> tokens, int64_t held,
                                    const cache::Variant& variant) {
  if (const auto asked = asked_.find(request); asked != asked_.end() && !asked->second) return false;
  const std::vector<StoredPage> pages = pages_to_read(tokens, held, variant);
  asked_[request] = !pages.empty();
  if (pages.empty() || reading_) return !pages.empty();
  reading_ = Reading{.request = request,
                     .tokens = {tokens.begin(), tokens.end()},
                     .variant = variant,
                     .to_come = {},
                     .since_last = {}};
  std::vector<PageName> names;
  for (const StoredPage& one : pages) {
    reading_->to_come.push_back(one.page);
    names.push_back(one.name);
  }
  folder_.read(std::move(names));
  return true;
}

void KeptPrefixes::forget(RequestId request) {
  if (reading_ && reading_->request == request) end_reading();
  asked_.erase(request);
}

// The pages that memory lacks of the longest beginning of `tokens` that memory and disk together hold. None when that
// is not longer than `held`.
std::vector<KeptPrefixes::StoredPage> KeptPrefixes::pages_to_read(std::span<const int32_t> tokens, int64_t held,
                                                                  const cache::Variant& variant) {
  struct Page {
    PageName name;  // of the global layers' page
    std::array<bool, cache::kGroups> in_memory = {}, on_disk = {};
  };
  std::vector<Page> pages;
  const PrefixTree::Match memory = cache_.remembered(tokens, variant);
  const cache::GroupShape& local = cache_.shape()[kLocal];
  const int64_t positions = cache_.shape()[kGlobal].page_positions;
  int64_t length = 0;
  for (Digest before = root_of(variant); length < static_cast<int64_t>(tokens.size());) {
    const auto rest = tokens.subspan(static_cast<size_t>(length));
    const auto of_page = rest.first(std::min(rest.size(), static_cast<size_t>(positions)));
    const PrefixTree::Node* node = pages.size() < memory.nodes.size() ? memory.nodes[pages.size()] : nullptr;
    const int64_t in_memory = node == nullptr ? 0 : cache::shared_tokens(node->tokens, of_page);
    const auto stored = folder_.find(before, of_page);
    const int64_t on_disk = stored && stored->stored[kGlobal] ? stored->shared : 0;
    if (in_memory == 0 && on_disk == 0) break;
    Page page;
    page.name.before = before;
    page.name.tokens = in_memory >= on_disk ? node->tokens : stored->tokens;
    for (const Group group : kAllGroups) {
      page.in_memory[group] = in_memory >= on_disk && node->pages[group] != PrefixTree::kNoPage;
      page.on_disk[group] = stored && stored->tokens == page.name.tokens && stored->stored[group];
    }
    pages.push_back(page);
    length += std::max(in_memory, on_disk);
    if (std::max(in_memory, on_disk) < positions) break;
    before = cache::text_digest(before, of_page);
  }
  length = cache_.usable_length(length, [&](int64_t page) {
    const Page& one = pages[static_cast<size_t>(page)];
    return one.in_memory[kLocal] || one.on_disk[kLocal];
  });
  std::vector<StoredPage> missing;
  if (length <= held) return missing;
  const int64_t first_local = local.layers == 0 ? length : local.first_visible_page(length);
  for (int64_t page = 0; page * positions < length; ++page)
    for (const Group group : kAllGroups) {
      Page& one = pages[static_cast<size_t>(page)];
      if (one.in_memory[group] || (group == kLocal && page < first_local)) continue;
      one.name.group = group;
      missing.push_back({page, one.name});
    }
  return missing;
}

void KeptPrefixes::bring_in() {
  const Stopwatch watch;
  while (reading_ && watch.seconds() < kLongestPortion) {
    const auto page = folder_.take();
    if (!page) {
      if (reading_->since_last.seconds() < kLongestWait) return;
      log_warning("remembered pages are not read: the disk has given none for {} seconds", kLongestWait);
      return end_reading();
    }
    reading_->since_last = Stopwatch();
    const int64_t index = reading_->to_come.front();
    reading_->to_come.pop_front();
    if (!bring_in(index, *page) || reading_->to_come.empty()) end_reading();
  }
}

// False when what is still to come would be of no use.
bool KeptPrefixes::bring_in(int64_t page, const cache::PrefixFolder::ReadPage& read) {
  if (read.bytes.empty()) return false;
  const int64_t before = page * cache_.shape()[kGlobal].page_positions;
  if (const auto place = cache_.restore(read.name.group, std::span(reading_->tokens).first(static_cast<size_t>(before)),
                                        read.name.tokens, reading_->variant))
    memory_.write_page(read.name.group, *place, read.bytes);
  return true;
}

void KeptPrefixes::end_reading() {
  asked_[reading_->request] = false;
  reading_.reset();
  folder_.read({});
}

}  // namespace paddock::engine
