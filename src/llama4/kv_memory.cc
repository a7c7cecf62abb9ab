// SPDX-License-Identifier: Apache-2.0
#include "llama4/kv_memory.h"

#include "base/check.h"

namespace paddock::llama4 {
namespace {

cache::Group group_of(const LayerPlan& layer) { return layer.chunked ? cache::kLocal : cache::kGlobal; }

}  // namespace

cache::CacheShape cache_shape(const Config& config, const CacheSettings& settings) {
  cache::CacheShape shape;
  for (cache::GroupShape& group : shape) {
    group.kv_heads = config.kv_heads;
    group.head_width = config.head_width;
    group.page_positions = settings.page_positions;
    group.format = settings.format;
  }
  shape[cache::kLocal].chunk = config.chunk;
  for (const LayerPlan& layer : config.layers) ++shape[group_of(layer)].layers;
  return shape;
}

Result<KvMemory> KvMemory::allocate(const Config& config, const cache::CacheShape& shape,
                                    std::array<int64_t, cache::kGroups> capacity_pages, kernels::Machine* machine) {
  KvMemory memory;
  memory.machine_ = machine;
  for (size_t group = 0; group < cache::kGroups; ++group) {
    memory.page_bytes_[group] = shape[group].page_bytes();
    memory.buffers_[group] =
        TRY(machine->allocate(static_cast<size_t>(capacity_pages[group]) * shape[group].page_bytes()));
  }

  std::array<size_t, cache::kGroups> offset = {};
  for (const LayerPlan& plan : config.layers) {
    const cache::Group group = group_of(plan);
    memory.layers_.push_back({group,
                              {.base = memory.buffers_[group].address(),
                               .format = shape[group].format,
                               .page_bytes = shape[group].page_bytes(),
                               .offset = offset[group],
                               .page_positions = shape[group].page_positions,
                               .kv_heads = shape[group].kv_heads,
                               .head_width = shape[group].head_width}});
    offset[group] += shape[group].layer_bytes();
  }
  return memory;
}

void KvMemory::copy_page(cache::Group group, int32_t from, int32_t to) {
  write_page(group, to, read_page(group, from));
}

std::vector<std::byte> KvMemory::read_page(cache::Group group, int32_t page) const {
  std::vector<std::byte> bytes(page_bytes_[group]);
  machine_->read(address_of(group, page), bytes);
  return bytes;
}

void KvMemory::write_page(cache::Group group, int32_t page, std::span<const std::byte> bytes) {
  CHECK(bytes.size() == page_bytes_[group]);
  machine_->write(bytes, address_of(group, page));
}

}  // namespace paddock::llama4
