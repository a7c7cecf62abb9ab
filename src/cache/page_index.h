// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which pages are stored somewhere, by the text that they hold, and which of them served least recently. Knows no
// files.

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "base/digest.h"
#include "cache/groups.h"

namespace paddock::cache {

// A page by what it holds: the `tokens` after a text of whole pages (text_digest in page_file.h).
struct PageName {
  Digest before{};
  std::vector<int32_t> tokens;
  Group group = kGlobal;
};

// Used by one thread at a time.
class PageIndex {
 public:
  // Of the texts that go on after `before`, the one that shares most with `tokens`, at least one, and the groups that
  // have its page.
  struct Found {
    std::vector<int32_t> tokens;
    int64_t shared = 0;
    std::array<bool, kGroups> stored = {};
  };
  std::optional<Found> find(const Digest& before, std::span<const int32_t> tokens) const;

  bool has(const PageName& page) const { return file_of(page) != nullptr; }
  void add(const PageName& page, uint64_t bytes, int64_t moment);  // one that is not there
  void remove(const PageName& page);                               // one that is there
  // It serves at `moment`, in a time of the caller's.
  void use(const PageName& page, int64_t moment);

  // Of all pages the one that has not served for longest.
  std::optional<PageName> least_recent() const;
  // Pages of texts that `tokens` after `before` continue within the same page.
  std::vector<PageName> continued_by(const Digest& before, std::span<const int32_t> tokens) const;

  int64_t pages() const { return static_cast<int64_t>(least_recent_.size()); }
  uint64_t bytes() const { return bytes_; }
  // In the order in which they served.
  const std::multimap<int64_t, PageName>& by_moment() const { return least_recent_; }

 private:
  struct File {
    uint64_t bytes = 0;
    std::multimap<int64_t, PageName>::iterator place;  // in least_recent_
  };
  using Files = std::array<std::optional<File>, kGroups>;
  const File* file_of(const PageName& page) const;

  std::map<Digest, std::map<std::vector<int32_t>, Files>> texts_;  // by the text before
  std::multimap<int64_t, PageName> least_recent_;
  uint64_t bytes_ = 0;
};

}  // namespace paddock::cache
