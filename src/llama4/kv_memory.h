// SPDX-License-Identifier: Apache-2.0
#pragma once
// The bytes behind the cache's pages, and which layer lies where in them.

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "cache/kv_cache.h"
#include "kernels/contracts/machine.h"
#include "llama4/config.h"

namespace paddock::llama4 {

struct CacheSettings {
  tensor::KvFormat format = tensor::DType::kF16;
  int64_t page_positions = 64;
};

// How this model's keys and values are paged: chunked layers in the local group, the others in the global one.
cache::CacheShape cache_shape(const Config& config, const CacheSettings& settings);

// The pools' bytes in the machine's memory. They cost nothing until a page is first used.
class KvMemory {
 public:
  static Result<KvMemory> allocate(const Config& config, const cache::CacheShape& shape,
                                   std::array<int64_t, cache::kGroups> capacity_pages, kernels::Machine* machine);

  // Where the keys and values of `layer` lie.
  kernels::KvPages pages(size_t layer) const { return layers_[layer].pages; }
  cache::Group group(size_t layer) const { return layers_[layer].group; }

  // All layers of a group: the bytes of one page onto another.
  void copy_page(cache::Group group, int32_t from, int32_t to);
  // The same, out of the machine and into it.
  std::vector<std::byte> read_page(cache::Group group, int32_t page) const;
  void write_page(cache::Group group, int32_t page, std::span<const std::byte> bytes);

 private:
  struct Layer {
    cache::Group group;
    kernels::KvPages pages;
  };
  kernels::Address address_of(cache::Group group, int32_t page) const {
    return buffers_[group].address().plus(static_cast<size_t>(page) * page_bytes_[group]);
  }
  kernels::Machine* machine_ = nullptr;
  std::array<kernels::Buffer, cache::kGroups> buffers_;
  std::array<size_t, cache::kGroups> page_bytes_ = {};
  std::vector<Layer> layers_;
};

}  // namespace paddock::llama4
