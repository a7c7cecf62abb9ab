// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/safetensors_writer.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <unordered_set>
#include <vector>

#include "base/check.h"
#include "base/new_file.h"
#include "base/utf8.h"
#include "checkpoint/wording.h"

namespace paddock::checkpoint {
namespace {

constexpr size_t kAlignment = 8;  // bytes; of the header, and so of the data

// Its bytes.
Result<uint64_t> check_tensor(const std::string& file, const PlannedTensor& tensor) {
  TRY_VOID(check_name(file, "tensor name", tensor.name, kTensorNameLimit));
  if (tensor.name == "__metadata__")
    return error(ErrorCode::kInvalidArgument, "{}: a tensor cannot be called __metadata__ in safetensors; rename it",
                 file);
  if (tensor::is_block_format(tensor.dtype))
    return error(ErrorCode::kUnsupported, "{}: tensor {}: safetensors cannot hold {}; decode it or write a GGUF file",
                 file, in_quotes(tensor.name), tensor::name(tensor.dtype));
  return tensor_bytes(file, tensor.name, tensor.dtype, tensor.shape);
}

std::string text(std::string_view value) { return nlohmann::json(value).dump(); }

}  // namespace

Result<void> write_safetensors(const std::filesystem::path& path, std::span<const TensorToWrite> tensors,
                               TextPairs metadata) {
  const auto make = [&](size_t index, const TakeBytes& take) { return take(tensors[index].view.bytes); };
  return write_safetensors(path, plan_of(tensors), make, metadata);
}

Result<void> write_safetensors(const std::filesystem::path& path, std::span<const PlannedTensor> tensors,
                               const MakeBytes& make, TextPairs metadata) {
  const std::string file = path.string();
  std::unordered_set<std::string_view> names;
  std::vector<size_t> ordered;
  std::vector<uint64_t> sizes;
  for (const PlannedTensor& tensor : tensors) {
    sizes.push_back(TRY(check_tensor(file, tensor)));
    if (!names.insert(tensor.name).second)
      return error(ErrorCode::kInvalidArgument, "{}: expected tensor {} once, found it twice; rename one", file,
                   in_quotes(tensor.name));
    ordered.push_back(ordered.size());
  }
  std::stable_sort(ordered.begin(), ordered.end(), [&](size_t a, size_t b) {
    return tensor::info(tensors[a].dtype).bytes > tensor::info(tensors[b].dtype).bytes;
  });

  std::string header = "{";
  if (!metadata.empty()) {
    header += "\"__metadata__\":{";
    std::unordered_set<std::string_view> keys;
    for (const auto& [key, value] : metadata) {
      if (!is_valid_utf8(key) || !is_valid_utf8(value) || !keys.insert(key).second)
        return error(ErrorCode::kInvalidArgument,
                     "{}: metadata {}: expected a key that occurs once, and UTF-8; mend the pair", file,
                     in_quotes(key));
      header += fmt::format("{}{}:{}", header.back() == '{' ? "" : ",", text(key), text(value));
    }
    header += '}';
  }
  uint64_t offset = 0;
  for (const size_t index : ordered) {
    const PlannedTensor& tensor = tensors[index];
    const uint64_t end = offset + sizes[index];
    std::string shape = tensor::to_string(tensor.shape);
    shape.erase(std::remove(shape.begin(), shape.end(), ' '), shape.end());
    header += fmt::format("{}{}:{{\"dtype\":\"{}\",\"shape\":{},\"data_offsets\":[{},{}]}}", header == "{" ? "" : ",",
                          text(tensor.name), tensor::name(tensor.dtype), shape, offset, end);
    offset = end;
  }
  header += '}';
  header.resize((header.size() + kAlignment - 1) / kAlignment * kAlignment, ' ');

  NewFile output = TRY(NewFile::create(path));
  const uint64_t length = header.size();
  TRY_VOID(output.write(std::as_bytes(std::span(&length, 1))));
  TRY_VOID(output.write(header));
  for (const size_t index : ordered) {
    uint64_t written = 0;
    TRY_VOID(make(index, [&](std::span<const std::byte> bytes) {
      written += bytes.size();
      return output.write(bytes);
    }));
    CHECK(written == sizes[index]);
  }
  return output.commit();
}

}  // namespace paddock::checkpoint
