// SPDX-License-Identifier: Apache-2.0
#pragma once
// A GGUF model in several files: each holds some tensors and says which of how many it is.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "checkpoint/gguf_metadata.h"

namespace paddock::checkpoint {

struct GgufSplit {
  uint64_t number = 0;              // split.no, from 0
  uint64_t count = 1;               // split.count
  std::optional<uint64_t> tensors;  // split.tensors.count, of all files together
};

// What the split.* keys say; one split of one where there are none. `file` is named in errors.
Result<GgufSplit> read_split(const GgufMetadata& metadata, std::string_view file);

// The files after the first one, which lie beside it: all must be there.
Result<std::vector<std::filesystem::path>> other_splits(const std::filesystem::path& first, const GgufSplit& split);

}  // namespace paddock::checkpoint
