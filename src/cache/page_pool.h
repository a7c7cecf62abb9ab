// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which pages of a pool are in use. Integers only: the bytes belong to a machine.

#include <cstdint>
#include <vector>

#include "base/check.h"

namespace paddock::cache {

// Pages 0 to capacity - 1. A returned page is given out again before a fresh one, so that the memory touched stays as
// small as the greatest use so far. Used by one thread.
class PagePool {
 public:
  explicit PagePool(int32_t capacity) : capacity_(capacity) {}

  int32_t capacity() const { return capacity_; }
  int32_t in_use() const { return fresh_ - static_cast<int32_t>(returned_.size()); }
  int32_t reserved() const { return reserved_; }

  // A promise that `pages` more can be allocated, now or later.
  bool can_reserve(int64_t pages) const { return pages <= capacity_ - reserved_; }
  void reserve(int64_t pages) {
    CHECK(can_reserve(pages));
    reserved_ += static_cast<int32_t>(pages);
  }
  void unreserve(int64_t pages) { reserved_ -= static_cast<int32_t>(pages); }

  int32_t allocate() {
    CHECK(in_use() < reserved_);  // nobody allocates what was not reserved
    if (returned_.empty()) return fresh_++;
    const int32_t page = returned_.back();
    returned_.pop_back();
    return page;
  }
  void release(int32_t page) { returned_.push_back(page); }

 private:
  int32_t capacity_;
  int32_t reserved_ = 0;
  int32_t fresh_ = 0;  // pages from here on have never been used
  std::vector<int32_t> returned_;
};

}  // namespace paddock::cache
