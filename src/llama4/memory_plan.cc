// SPDX-License-Identifier: Apache-2.0
#include "llama4/memory_plan.h"

#include <algorithm>
#include <fstream>
#include <string>

#include "base/process_memory.h"
#include "llama4/adapter/adapter.h"

namespace paddock::llama4 {
namespace {

// "MemAvailable:  123 kB" of /proc/meminfo, in bytes; 0 when unreadable.
size_t memory_info(const std::string& name) {
  std::ifstream file("/proc/meminfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(name + ":")) return std::stoull(line.substr(name.size() + 1)) * 1024;
  return 0;
}

size_t number_in(const char* path) {
  std::ifstream file(path);
  size_t number = 0;
  return file >> number ? number : 0;
}

kernels::StepShape step_shape(const Config& config, const WeightTotals& totals, const MemoryPlan& plan) {
  kernels::StepShape step{.tokens = plan.limits.tokens,
                          .width = config.width,
                          .query_heads = config.query_heads,
                          .kv_heads = config.kv_heads,
                          .head_width = config.head_width,
                          .page_positions = plan.cache.page_positions,
                          .products = totals.products,
                          .update_rank = plan.adapter_bytes > 0 ? kMostAdapterRank : 0};
  for (kernels::ProductSet& set : step.products)
    set.rows *= set.matrices.front().role == kernels::ProductRole::kHead ? plan.limits.logits : plan.limits.tokens;
  return step;
}

}  // namespace

Result<MemoryPlan> plan_memory(const Config& config, const WeightTotals& totals, const MemoryWishes& wishes,
                               const kernels::Machine& machine) {
  if (wishes.context < 0 || wishes.context > config.context)
    return error(ErrorCode::kInvalidArgument, "context: expected 1 to {}, the checkpoint's limit, found {}",
                 config.context, wishes.context);
  MemoryPlan plan;
  plan.context = wishes.context > 0 ? wishes.context : config.context;
  plan.sequences = wishes.sequences;
  plan.limits = wishes.limits;
  plan.limits.tokens = std::min(plan.limits.tokens, plan.context * plan.sequences);
  plan.limits.logits = std::min(plan.limits.logits, plan.limits.tokens);
  plan.cache = wishes.cache;
  const cache::CacheShape shape = cache_shape(config, plan.cache);
  for (size_t group = 0; group < cache::kGroups; ++group) {
    const int64_t pages = shape[group].pages_needed(plan.context, plan.limits.tokens);
    if (pages > INT32_MAX / plan.sequences)
      return error(ErrorCode::kInvalidArgument,
                   "context: {} positions of {} sequences are more than the cache can number", plan.context,
                   plan.sequences);
    plan.cache_pages[group] = pages * plan.sequences;
    plan.cache_bytes += static_cast<size_t>(plan.cache_pages[group]) * shape[group].page_bytes();
  }
  plan.adapter_bytes = wishes.adapter_bytes;
  plan.weight_bytes = wishes.weight_bytes > 0 ? wishes.weight_bytes : totals.bytes;
  plan.scratch_bytes = activation_bytes(config, plan.limits) + machine.private_bytes(step_shape(config, totals, plan));
  plan.vision_bytes = wishes.vision_bytes;
  plan.program_bytes = process_memory().resident;
  return plan;
}

size_t available_memory() {
  size_t available = memory_info("MemAvailable");
  // The control group may allow less (version 2, then 1); "max" does not parse and means no limit.
  for (const char* limit : {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"})
    if (const size_t most = number_in(limit); most > 0) available = std::min(available, most);
  return available;
}

Result<void> require_fit(const MemoryPlan& plan, size_t available) {
  if (available == 0 || plan.total_bytes() <= available) return {};
  return error(ErrorCode::kOutOfMemory,
               "the model needs {} bytes (weights {}, cache {} for {} positions, scratch {}, pictures {}, adapters "
               "{}), expected at "
               "most the {} that are "
               "available; choose a smaller --context, or a smaller quantisation of the model",
               plan.total_bytes(), plan.weight_bytes, plan.cache_bytes, plan.context, plan.scratch_bytes,
               plan.vision_bytes, plan.adapter_bytes, available);
}

}  // namespace paddock::llama4
