// SPDX-License-Identifier: Apache-2.0
#include "train/batch_file.h"

#include <cstring>
#include <limits>

#include "checkpoint/checkpoint.h"
#include "checkpoint/safetensors_writer.h"

namespace paddock::train {
namespace {

using checkpoint::Checkpoint;
using tensor::DType;

// Batches are small; larger numbers are mistakes.
constexpr int64_t kMostTokens = int64_t{1} << 26;

template <typename Integer>
std::vector<int64_t> integers_of(std::span<const std::byte> bytes) {
  std::vector<Integer> values(bytes.size() / sizeof(Integer));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(Integer));
  return {values.begin(), values.end()};
}

Result<std::vector<int32_t>> read_integers(const Checkpoint& file, const char* name, tensor::Shape* shape,
                                           const std::string& source) {
  const checkpoint::NamedTensor* tensor = file.find(name);
  if (tensor == nullptr) return error(ErrorCode::kBadFile, "{}: expected a tensor named {}, found none", source, name);
  const tensor::TensorView& view = tensor->view;
  if (view.dtype != DType::kI32 && view.dtype != DType::kI64)
    return error(ErrorCode::kBadFile, "{}: {}: expected I32 or I64, found {}", source, name, tensor::name(view.dtype));
  if (view.shape.size() != 2 || view.values() > kMostTokens || (!shape->empty() && view.shape != *shape))
    return error(ErrorCode::kBadFile, "{}: {}: expected the shape {} of tokens, found {}", source, name,
                 shape->empty() ? "[rows, length]" : tensor::to_string(*shape), tensor::to_string(view.shape));
  *shape = view.shape;
  const auto values = view.dtype == DType::kI32 ? integers_of<int32_t>(view.bytes) : integers_of<int64_t>(view.bytes);
  for (const int64_t value : values)
    if (value < std::numeric_limits<int32_t>::min() || value > std::numeric_limits<int32_t>::max())
      return error(ErrorCode::kBadFile, "{}: {}: expected numbers of 32 bits, found {}", source, name, value);
  return std::vector<int32_t>(values.begin(), values.end());
}

}  // namespace

Result<Batch> read_batch(const std::filesystem::path& path, int64_t vocabulary) {
  const Checkpoint file = TRY(Checkpoint::open(path));
  const std::string source = path.string();
  tensor::Shape shape;
  Batch batch;
  batch.tokens = TRY(read_integers(file, "tokens", &shape, source));
  batch.rows = shape[0];
  batch.length = shape[1];
  batch.targets = TRY(read_integers(file, "targets", &shape, source));
  if (file.find("positions") != nullptr) {
    batch.positions = TRY(read_integers(file, "positions", &shape, source));
  } else {
    for (int64_t index = 0; index < batch.count(); ++index)
      batch.positions.push_back(static_cast<int32_t>(index % batch.length));
  }
  if (file.find("document") != nullptr)
    batch.documents = TRY(read_integers(file, "document", &shape, source));
  else
    batch.documents.assign(batch.tokens.size(), 0);
  TRY_VOID(check_batch(batch, vocabulary, source));
  return batch;
}

Result<void> write_batch(const std::filesystem::path& path, const Batch& batch) {
  const auto tensor = [&](std::string_view name, const std::vector<int32_t>& numbers) {
    return checkpoint::TensorToWrite{name,
                                     {DType::kI32, {batch.rows, batch.length}, std::as_bytes(std::span(numbers))}};
  };
  const checkpoint::TensorToWrite tensors[] = {tensor("tokens", batch.tokens), tensor("targets", batch.targets),
                                               tensor("positions", batch.positions),
                                               tensor("document", batch.documents)};
  return checkpoint::write_safetensors(path, tensors);
}

}  // namespace paddock::train
