// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which pages of a pool are in use, and by how many. Integers only: the bytes belong to a machine.

#include <cstdint>
#include <optional>
#include <vector>

#include "base/check.h"

namespace paddock::cache {

// Pages 0 to capacity - 1. A page is free once no sequence holds it and it is not cached for later ones. A returned
// page is given out again before a fresh one, so that the memory touched stays as small as the greatest use so far.
// Used by one thread.
class PagePool {
 public:
  explicit PagePool(int32_t capacity) : capacity_(capacity) {}

  int32_t capacity() const { return capacity_; }
  int32_t in_use() const { return static_cast<int32_t>(uses_.size() - returned_.size()); }
  // Of these, the ones that no sequence holds.
  int32_t idle() const { return idle_; }
  // What sequences can still get, when all that is idle is given up.
  int32_t available() const { return capacity_ - in_use() + idle_; }

  // A page that the caller holds; none when all are in use.
  std::optional<int32_t> allocate() {
    if (!returned_.empty()) {
      const int32_t page = returned_.back();
      returned_.pop_back();
      use(page) = {.holders = 1, .cached = false};
      return page;
    }
    if (static_cast<int32_t>(uses_.size()) == capacity_) return {};
    uses_.push_back({.holders = 1, .cached = false});
    return static_cast<int32_t>(uses_.size()) - 1;
  }

  void hold(int32_t page) {
    if (use(page).holders++ == 0) --idle_;
  }
  void release(int32_t page) {
    Use& one = use(page);
    CHECK(one.holders > 0);
    if (--one.holders > 0) return;
    if (one.cached)
      ++idle_;
    else
      returned_.push_back(page);
  }
  bool is_held(int32_t page) const { return uses_[static_cast<size_t>(page)].holders > 0; }

  // A cached page stays when nobody holds it.
  void cache(int32_t page) {
    CHECK(use(page).holders > 0 && !use(page).cached);
    use(page).cached = true;
  }
  void uncache(int32_t page) {
    Use& one = use(page);
    CHECK(one.cached);
    one.cached = false;
    if (one.holders > 0) return;
    --idle_;
    returned_.push_back(page);
  }

 private:
  struct Use {
    int32_t holders = 0;
    bool cached = false;
  };
  Use& use(int32_t page) { return uses_[static_cast<size_t>(page)]; }

  int32_t capacity_;
  int32_t idle_ = 0;
  std::vector<Use> uses_;  // of the pages that have ever been used
  std::vector<int32_t> returned_;
};

}  // namespace paddock::cache
