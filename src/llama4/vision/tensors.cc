// SPDX-License-Identifier: Apache-2.0
#include "llama4/vision/tensors.h"

#include <algorithm>
#include <cmath>

#include "tensor/decode.h"

namespace paddock::llama4 {

Result<const checkpoint::NamedTensor*> VisionTensors::take(const std::string& name,
                                                           const std::vector<tensor::Shape>& shapes) {
  const checkpoint::NamedTensor* tensor = checkpoint_.find(name);
  if (tensor == nullptr)
    return error(ErrorCode::kBadFile,
                 "{}: missing tensor {}: expected {} as the configuration says, found none; fetch the checkpoint again",
                 checkpoint_.files().front().path().string(), name, tensor::to_string(shapes.front()));
  const std::string file = checkpoint_.file_of(*tensor).string();
  if (std::find(shapes.begin(), shapes.end(), tensor->view.shape) == shapes.end())
    return error(ErrorCode::kBadFile,
                 "{}: tensor {}: expected {} as the configuration says, found {}; configuration and weights are not of "
                 "one model",
                 file, name, tensor::to_string(shapes.front()), tensor::to_string(tensor->view.shape));
  if (!tensor::is_decodable(tensor->view.dtype) || tensor->view.dtype == tensor::DType::kF8E4M3)
    return error(ErrorCode::kUnsupported, "{}: tensor {}: expected floating-point or block-quantised weights, found {}",
                 file, name, tensor::name(tensor->view.dtype));
  if (!taken_.insert(tensor->name).second)
    return error(ErrorCode::kBadFile, "{}: tensor {} is called for twice by the configuration", file, name);
  if (machine_ != nullptr) TRY_VOID(require_finite(*tensor));
  ++totals_.tensors;
  totals_.parameters += tensor->view.values();
  totals_.bytes += tensor->view.bytes.size();
  return tensor;
}

Result<void> VisionTensors::require_finite(const checkpoint::NamedTensor& tensor) const {
  // A piece at a time: whole blocks of every format.
  constexpr int64_t kAtOnce = 4096;
  std::vector<float> some(kAtOnce);
  const int64_t count = tensor.view.values();
  for (int64_t first = 0; first < count; first += kAtOnce) {
    const int64_t now = std::min(kAtOnce, count - first);
    tensor::decode_row(tensor.view.dtype, tensor.view.bytes.data() + tensor::row_bytes(tensor.view.dtype, first),
                       some.data(), now);
    float sum = 0;  // not finite as soon as one of them is not
    for (int64_t index = 0; index < now; ++index) sum += some[static_cast<size_t>(index)] * 0.0f;
    if (sum == 0) continue;
    for (int64_t index = 0; index < now; ++index)
      if (!std::isfinite(some[static_cast<size_t>(index)]))
        return error(
            ErrorCode::kBadFile,
            "{}: tensor {}: expected finite numbers, found {} at index {}; the file is damaged, fetch it again",
            checkpoint_.file_of(tensor).string(), tensor.name, some[static_cast<size_t>(index)], first + index);
  }
  return {};
}

Result<kernels::Address> VisionTensors::adopt(const checkpoint::NamedTensor& tensor) {
  if (machine_ == nullptr) return kernels::Address();
  return machine_->adopt(tensor.view.bytes);
}

Result<kernels::Matrix> VisionTensors::matrix(const std::string& name, int64_t outputs, int64_t inputs,
                                              const std::vector<tensor::Shape>& or_shapes) {
  std::vector<tensor::Shape> shapes = {{outputs, inputs}};
  shapes.insert(shapes.end(), or_shapes.begin(), or_shapes.end());
  const checkpoint::NamedTensor* tensor = TRY(take(name, shapes));
  if (inputs % tensor::info(tensor->view.dtype).values != 0)
    return error(ErrorCode::kBadFile, "{}: tensor {}: expected rows of whole {} blocks, found {} numbers a row",
                 checkpoint_.file_of(*tensor).string(), name, tensor::name(tensor->view.dtype), inputs);
  kernels::Matrix matrix;
  matrix.weights = TRY(adopt(*tensor));
  matrix.dtype = tensor->view.dtype;
  matrix.outputs = outputs;
  matrix.inputs = inputs;
  matrix.row_stride = tensor::row_bytes(matrix.dtype, inputs);
  return matrix;
}

Result<kernels::NormWeight> VisionTensors::vector(const std::string& name, int64_t width) {
  const checkpoint::NamedTensor* tensor = TRY(take(name, {{width}}));
  return kernels::NormWeight{TRY(adopt(*tensor)), tensor->view.dtype, width};
}

Result<std::vector<float>> VisionTensors::values(const std::string& name, const tensor::Shape& shape) {
  const checkpoint::NamedTensor* tensor = TRY(take(name, {shape}));
  std::vector<float> numbers;
  if (machine_ == nullptr) return numbers;
  numbers.resize(static_cast<size_t>(tensor->view.values()));
  tensor::decode_row(tensor->view.dtype, tensor->view.bytes.data(), numbers.data(), tensor->view.values());
  return numbers;
}

Result<void> VisionTensors::finish(const std::vector<std::string_view>& prefixes) const {
  for (const checkpoint::NamedTensor& tensor : checkpoint_.tensors()) {
    if (taken_.contains(tensor.name)) continue;
    for (const std::string_view prefix : prefixes)
      if (tensor.name.starts_with(prefix))
        return error(ErrorCode::kBadFile,
                     "{}: tensor {} {} is of the vision tower, but the configuration does not call for it; "
                     "configuration and weights are not of one model",
                     checkpoint_.file_of(tensor).string(), tensor.name, tensor::to_string(tensor.view.shape));
  }
  return {};
}

}  // namespace paddock::llama4
