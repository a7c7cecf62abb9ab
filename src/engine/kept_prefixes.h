// SPDX-License-Identifier: Apache-2.0
#pragma once
// Between the cache and a folder on a disk: what is remembered is written, and read again when a prompt asks for more
// than memory holds. Bytes are copied between steps, a few milliseconds at a time.

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/clock.h"
#include "base/digest.h"
#include "cache/kv_cache.h"
#include "cache/prefix_folder.h"
#include "engine/request.h"
#include "llama4/kv_memory.h"

namespace paddock::engine {

// Used by the engine's thread. Folder, cache and memory outlive it.
class KeptPrefixes {
 public:
  KeptPrefixes(cache::PrefixFolder* folder, cache::KvCache* cache, llama4::KvMemory* memory)
      : folder_(*folder), cache_(*cache), memory_(*memory) {}

  // The text, which the cache remembers, is written from now on, as far as it has not been given up when its turn
  // comes: all pages of the global layers, and of the local ones the chunk that the text ends in.
  void keep(std::span<const int32_t> tokens, const cache::Variant& variant = cache::kNoVariant);

  // Whether a request should wait because the disk holds more of its text than the `held` tokens that memory holds. Its
  // pages are read meanwhile, or after those of another. Of one request it is asked once, as long as is_waiting() is
  // false.
  bool is_worth_waiting(RequestId request, std::span<const int32_t> tokens, int64_t held,
                        const cache::Variant& variant = cache::kNoVariant);
  bool is_waiting(RequestId request) const;
  // The request has a place or has gone; when it comes again, the disk is asked again.
  void forget(RequestId request);

  // A portion of what there is to copy.
  void copy_some();
  // Whether there is more, and a moment for more of it to come.
  bool is_busy() const { return reading_.has_value() || !keeping_.empty(); }
  void wait() { folder_.wait(0.005); }

 private:
  struct Keeping {
    std::vector<int32_t> tokens;
    cache::Variant variant;
    std::vector<Digest> before;  // of the pages so far and the next
    int64_t moment = 0;
  };
  struct Reading {
    RequestId request = 0;
    std::vector<int32_t> tokens;
    cache::Variant variant;
    std::deque<int64_t> to_come;  // which pages of the text, in the order in which they come
    Stopwatch since_last;
  };
  struct StoredPage {
    int64_t page = 0;  // of the text
    cache::PageName name;
  };
  Digest root_of(const cache::Variant& variant) const;
  std::vector<StoredPage> pages_to_read(std::span<const int32_t> tokens, int64_t held, const cache::Variant& variant);
  void bring_in();
  bool bring_in(int64_t page, const cache::PrefixFolder::ReadPage& read);
  void end_reading();
  void write_out();
  bool write_out(Keeping* text, const Stopwatch& watch);

  cache::PrefixFolder& folder_;
  cache::KvCache& cache_;
  llama4::KvMemory& memory_;
  std::deque<Keeping> keeping_;
  std::optional<Reading> reading_;
  // Requests that asked: whether they still want to.
  std::map<RequestId, bool> asked_;
};

}  // namespace paddock::engine
