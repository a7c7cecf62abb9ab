// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a run will need in bytes, known before anything is loaded, and kept.

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/result.h"
#include "cache/kv_cache.h"
#include "kernels/contracts/machine.h"
#include "llama4/activations.h"
#include "llama4/kv_memory.h"
#include "llama4/weights.h"

namespace paddock::llama4 {

struct MemoryPlan {
  int64_t context = 0;    // positions of the longest sequence
  int64_t sequences = 1;  // at once, each of up to `context`
  StepLimits limits;
  CacheSettings cache;
  std::array<int64_t, cache::kGroups> cache_pages = {};  // capacity of each pool

  size_t weight_bytes = 0;   // of the file, or as they are loaded
  size_t cache_bytes = 0;    // touched only as far as sequences grow
  size_t scratch_bytes = 0;  // activations and the machine's own
  size_t vision_bytes = 0;   // of all that pictures need
  size_t adapter_bytes = 0;  // of adapters at most
  size_t program_bytes = 0;  // what the process holds already: code, tokenizer, the checkpoint's headers

  // What is still to be taken.
  size_t total_bytes() const { return weight_bytes + cache_bytes + scratch_bytes + vision_bytes + adapter_bytes; }
  // What the process will have taken.
  size_t peak_bytes() const { return program_bytes + total_bytes(); }
};

// What the caller wants; `machine` for its private scratch.
struct MemoryWishes {
  int64_t context = 0;  // 0: the checkpoint's own limit
  int64_t sequences = 1;
  StepLimits limits;
  CacheSettings cache;
  size_t weight_bytes = 0;  // that the weights take when they are not used where the file is mapped; 0: they are
  size_t vision_bytes = 0;
  size_t adapter_bytes = 0;  // 0: no adapter will run
};

// A context beyond the checkpoint's limit is an error.
Result<MemoryPlan> plan_memory(const Config& config, const WeightTotals& totals, const MemoryWishes& wishes,
                               const kernels::Machine& machine);

// Memory that this process may use: the machine's, or its control group's limit, less what others hold.
size_t available_memory();

// An error that names the parts when the plan is larger than `available`.
Result<void> require_fit(const MemoryPlan& plan, size_t available);

}  // namespace paddock::llama4
