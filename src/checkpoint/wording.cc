// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/wording.h"

#include "base/utf8.h"
#include "tensor/shape.h"

namespace paddock::checkpoint {

std::string in_quotes(std::string_view text) {
  constexpr size_t kShown = 120;
  std::string shown = "\"";
  for (const char character : replace_invalid_utf8(text.substr(0, kShown))) {
    const auto byte = static_cast<unsigned char>(character);
    if (byte < 0x20 || byte == 0x7F)
      shown += fmt::format("\\x{:02x}", byte);
    else
      shown += character;
  }
  return shown + (text.size() > kShown ? "…\"" : "\"");
}

Result<void> check_name(std::string_view file, std::string_view what, std::string_view name, size_t limit) {
  if (name.empty())
    return error(ErrorCode::kBadFile, "{}: expected a {}, found an empty one; {}", file, what, kConvertAgain);
  if (name.size() > limit)
    return error(ErrorCode::kBadFile, "{}: {} {}: expected at most {} bytes, found {}; {}", file, what, in_quotes(name),
                 limit, name.size(), kConvertAgain);
  if (!is_valid_utf8(name))
    return error(ErrorCode::kBadFile, "{}: {} {}: expected UTF-8, found other bytes; {}", file, what, in_quotes(name),
                 kDownloadAgain);
  return {};
}

Result<uint64_t> tensor_bytes(std::string_view file, std::string_view name, tensor::DType dtype,
                              std::span<const int64_t> shape) {
  const tensor::DTypeInfo& format = tensor::info(dtype);
  // Zero extents are left out of the product, so that the others are held to the limit too.
  int64_t values = 1;
  bool empty = false;
  bool overflow = false;
  for (const int64_t extent : shape) {
    empty |= extent == 0;
    overflow |= __builtin_mul_overflow(values, extent == 0 ? 1 : extent, &values);
  }
  int64_t bytes = 0;
  overflow |= __builtin_mul_overflow(values, format.bytes, &bytes);
  if (overflow)
    return error(ErrorCode::kBadFile, "{}: tensor {}: expected fewer than 2^63 bytes, found the shape {} of {}; {}",
                 file, in_quotes(name), tensor::to_string(shape), format.name, kDownloadAgain);
  if (empty) return 0;
  if (const int64_t row = shape.empty() ? 1 : shape.back(); row % format.values != 0)
    return error(ErrorCode::kBadFile,
                 "{}: tensor {}: expected rows of a multiple of {} values for {}, found rows of {}; {}", file,
                 in_quotes(name), format.values, format.name, row, kConvertAgain);
  return static_cast<uint64_t>(values / format.values) * static_cast<uint64_t>(format.bytes);
}

Result<void> check_is_data(std::string_view file, std::string_view format, std::span<const std::byte> bytes) {
  constexpr std::string_view kGitLfs = "version https://git-lfs.github.com/";
  if (bytes.empty())
    return error(ErrorCode::kBadFile, "{}: expected {}, found an empty file; download it again", file, format);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.starts_with(kGitLfs))
    return error(ErrorCode::kBadFile,
                 "{}: expected {}, found a Git LFS pointer to one; fetch the file with \"git lfs pull\"", file, format);
  return {};
}

}  // namespace paddock::checkpoint
