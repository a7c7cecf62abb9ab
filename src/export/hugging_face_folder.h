// SPDX-License-Identifier: Apache-2.0
#pragma once
// A model to a folder as Hugging Face's libraries load it: config.json, weights in safetensors.

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "checkpoint/named_tensor.h"
#include "export/gguf_file.h"
#include "export/row_encoder.h"

namespace paddock::exporting {

struct FolderWishes {
  tensor::DType type = tensor::DType::kBF16;     // F32, F16 or BF16
  uint64_t shard_bytes = uint64_t{5} << 30;      // a file holds no more, unless a tensor does
  std::string prefix;                            // before the names of the text model's tensors
  std::vector<checkpoint::NamedTensor> carried;  // tensors of other parts, which stay as they are
  Json config;                                   // config.json
};

// Bytes of all tensors.
uint64_t folder_bytes(const ModelSource& source, const FolderWishes& wishes);

// Into an existing folder. One file, or several with an index when they would be larger than a shard. Memory: one piece
// of a parameter.
Result<void> write_hugging_face(const std::filesystem::path& folder, const ModelSource& source,
                                const FolderWishes& wishes, RowEncoder* encoder, const Written& written);

}  // namespace paddock::exporting
