// SPDX-License-Identifier: Apache-2.0
#pragma once
// One safetensors file, and the index of a checkpoint that is split into several.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.h"
#include "checkpoint/named_tensor.h"

namespace paddock::checkpoint {

struct SafetensorsContents {
  std::vector<NamedTensor> tensors;                           // in the order of their bytes; views into the file's
  std::vector<std::pair<std::string, std::string>> metadata;  // "__metadata__", in file order
};

// Checks everything but the tensors' values: the views tile the data without overlap, hole or rest, as the format
// demands. Scalars and tensors without values are part of the format. `file` is the name that errors begin with.
Result<SafetensorsContents> parse_safetensors(std::span<const std::byte> bytes, std::string_view file);

// Whether a header begins where one has to.
bool looks_like_safetensors(std::span<const std::byte> bytes);

struct SafetensorsIndex {
  std::vector<std::string> shards;                     // plain file names, in the order of first mention
  std::unordered_map<std::string, uint32_t> shard_of;  // tensor name -> index into `shards`
};

// `text` is a *.safetensors.index.json called `file`.
Result<SafetensorsIndex> parse_safetensors_index(std::string_view text, std::string_view file);

}  // namespace paddock::checkpoint
