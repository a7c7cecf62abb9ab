// SPDX-License-Identifier: Apache-2.0
#pragma once
// What there is to say about a checkpoint before its weights are read: for programs and for people.

#include <string>

#include "base/json.h"
#include "cli/open_model.h"

namespace paddock::cli {

struct Inspection {
  const OpenModel& open;
  const llama4::MemoryPlan& plan;
  const kernels::Machine& machine;
  size_t available_bytes;  // 0: unknown
};

Json inspection_json(const Inspection& inspection);

// A table of a few lines; layers that do the same share one.
std::string inspection_text(const Inspection& inspection);

}  // namespace paddock::cli
