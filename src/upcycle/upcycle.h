// SPDX-License-Identifier: Apache-2.0
#pragma once
// A dense Llama checkpoint to one of the shape of Llama 4: the start of a distillation from the dense original.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "checkpoint/checkpoint.h"
#include "llama4/config.h"
#include "upcycle/wishes.h"

namespace paddock::upcycle {

struct UpcycleReport {
  int64_t parameters = 0, active_parameters = 0;  // of all experts; that work for one token
  bool is_exact = false;                          // computes what the kept layers of the dense model compute, but for
                                                  // rotation, chunks and norms that were asked to differ
  std::vector<std::string> copied;                // files of the tokenizer and its kind
};

// Bytes of memory that upcycle() takes beside the mapped checkpoint.
Result<size_t> upcycle_bytes(const checkpoint::Checkpoint& dense, const llama4::Config& config,
                             const UpcycleWishes& wishes);

// Writes config.json, model.safetensors and what the checkpoint's folder has of a tokenizer to `folder`, which is made
// where it is not there.
Result<UpcycleReport> upcycle(const checkpoint::Checkpoint& dense, const llama4::Config& config,
                              const UpcycleWishes& wishes, const std::filesystem::path& folder);

}  // namespace paddock::upcycle
