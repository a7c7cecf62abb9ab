// SPDX-License-Identifier: Apache-2.0
#pragma once
// Pieces of the sentences in which a checkpoint is refused, and the checks that all containers share.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "tensor/dtype.h"

namespace paddock::checkpoint {

inline constexpr std::string_view kDownloadAgain = "the file is damaged or incomplete: download it again";
inline constexpr std::string_view kConvertAgain = "convert the model again with a current converter";

// "name" in quotation marks, on one line and of bounded length whatever the bytes are.
std::string in_quotes(std::string_view text);

// Refuses names that are empty, longer than `limit` bytes or not UTF-8. `what`: "tensor name", "metadata key".
Result<void> check_name(std::string_view file, std::string_view what, std::string_view name, size_t limit);
inline constexpr size_t kTensorNameLimit = 1024;  // bytes

// The bytes that a tensor of this type and shape takes. Refuses counts that overflow and rows that are not whole
// blocks.
Result<uint64_t> tensor_bytes(std::string_view file, std::string_view name, tensor::DType dtype,
                              std::span<const int64_t> shape);

// Refuses a file that is empty or is a stand-in for a file in Git LFS. `format`: "a GGUF file".
Result<void> check_is_data(std::string_view file, std::string_view format, std::span<const std::byte> bytes);

}  // namespace paddock::checkpoint
