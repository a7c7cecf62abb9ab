// SPDX-License-Identifier: Apache-2.0
#include "llama4/tensor_taker.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>
#include <vector>

#include "tensor/decode.h"

namespace paddock::llama4 {
namespace {

using checkpoint::NamedTensor;

// Tensors that belong to a whole checkpoint but not to its text model, or that repeat what the configuration says.
std::string_view known_bystander(std::string_view name) {
  if (name.starts_with("vision_model.") || name.starts_with("multi_modal_projector.")) return "vision";
  if (name.ends_with(".rotary_emb.inv_freq")) return "rotary frequencies (the configuration gives them)";
  return "";
}

kernels::Matrix matrix_handle(const NamedTensor& tensor, kernels::Address weights, int64_t outputs, int64_t inputs) {
  kernels::Matrix matrix;
  matrix.weights = weights;
  matrix.dtype = tensor.view.dtype;
  matrix.outputs = outputs;
  matrix.inputs = inputs;
  matrix.row_stride = tensor::row_bytes(matrix.dtype, inputs);
  return matrix;
}

}  // namespace

Result<const NamedTensor*> TensorTaker::take(const std::string& name, const tensor::Shape& shape, UsedBy used_by) {
  const NamedTensor* tensor = checkpoint_.find(name);
  if (tensor == nullptr)
    return error(ErrorCode::kBadFile,
                 "{}: missing tensor {}: expected {} as the configuration says, found none; fetch the checkpoint again",
                 checkpoint_.files().front().path().string(), name, tensor::to_string(shape));
  const std::string file = checkpoint_.file_of(*tensor).string();
  if (tensor->view.shape != shape)
    return error(ErrorCode::kBadFile,
                 "{}: tensor {}: expected {} as the configuration says, found {}; configuration and "
                 "weights are not of one model",
                 file, name, tensor::to_string(shape), tensor::to_string(tensor->view.shape));
  if (!tensor::is_decodable(tensor->view.dtype))
    return error(ErrorCode::kUnsupported, "{}: tensor {}: expected floating-point or block-quantised weights, found {}",
                 file, name, tensor::name(tensor->view.dtype));
  if (!taken_.insert(tensor->name).second)
    return error(ErrorCode::kBadFile, "{}: tensor {} is called for twice by the configuration", file, name);
  totals_->text_parameters += tensor->view.values();
  count(*tensor, used_by);
  return tensor;
}

void TensorTaker::count(const NamedTensor& tensor, UsedBy used_by) {
  totals_->bytes += tensor.view.bytes.size();
  totals_->bytes_by_dtype[std::string(tensor::name(tensor.view.dtype))] += tensor.view.bytes.size();
  auto& parts = used_by == UsedBy::kEveryToken ? totals_->always_read : totals_->sometimes_read;
  parts.push_back(checkpoint_.part_of(tensor));
}

void TensorTaker::take_unchecked(std::string_view name) {
  if (const NamedTensor* tensor = checkpoint_.find(name)) taken_.insert(tensor->name);
}

Result<kernels::Address> TensorTaker::adopt(const NamedTensor& tensor) {
  if (machine_ == nullptr) return kernels::Address();
  return machine_->adopt(tensor.view.bytes);
}

Result<void> TensorTaker::require_finite(const NamedTensor& tensor) const {
  std::vector<float> values(static_cast<size_t>(tensor.view.values()));
  tensor::decode_row(tensor.view.dtype, tensor.view.bytes.data(), values.data(), tensor.view.values());
  for (size_t index = 0; index < values.size(); ++index)
    if (!std::isfinite(values[index]))
      return error(ErrorCode::kBadFile,
                   "{}: tensor {}: expected finite numbers, found {} at index {}; the file is damaged, "
                   "fetch it again",
                   checkpoint_.file_of(tensor).string(), tensor.name, values[index], index);
  return {};
}

Result<void> TensorTaker::attach_scales(const std::string& name, UsedBy used_by, kernels::Matrix* matrix) {
  if (matrix->dtype != tensor::DType::kF8E4M3) return {};
  const std::string scale_name = name + "_scale";
  const NamedTensor* tensor = checkpoint_.find(scale_name);
  const std::string file = checkpoint_.files().front().path().string();
  if (quantization_ != Quantization::kFp8RowScales || tensor == nullptr)
    return error(ErrorCode::kBadFile,
                 "{}: tensor {} is F8_E4M3: expected {} and a quantization_config that describes it, found {}", file,
                 name, scale_name, tensor == nullptr ? "no such tensor" : "no quantization_config");
  const int64_t values = tensor->view.values();
  const bool one_scale = values == 1;
  const bool row_scales = values == matrix->outputs && tensor->view.shape[0] == values;
  if (!one_scale && !row_scales)
    return error(ErrorCode::kBadFile, "{}: tensor {}: expected [{}, 1] scales, one a row, found {}", file, scale_name,
                 matrix->outputs, tensor::to_string(tensor->view.shape));
  if (tensor->view.dtype != tensor::DType::kF32 && tensor->view.dtype != tensor::DType::kBF16 &&
      tensor->view.dtype != tensor::DType::kF16)
    return error(ErrorCode::kUnsupported, "{}: tensor {}: expected F32, BF16 or F16 scales, found {}", file, scale_name,
                 tensor::name(tensor->view.dtype));
  TRY_VOID(require_finite(*tensor));
  taken_.insert(tensor->name);
  count(*tensor, used_by);
  matrix->scales = TRY(adopt(*tensor));
  matrix->scale_dtype = tensor->view.dtype;
  matrix->scale_count = values;
  return {};
}

Result<kernels::Matrix> TensorTaker::matrix(const std::string& name, int64_t outputs, int64_t inputs, UsedBy used_by) {
  const NamedTensor* tensor = TRY(take(name, {outputs, inputs}, used_by));
  kernels::Matrix matrix = matrix_handle(*tensor, TRY(adopt(*tensor)), outputs, inputs);
  TRY_VOID(attach_scales(name, used_by, &matrix));
  return matrix;
}

Result<std::vector<kernels::Matrix>> TensorTaker::stacked(const std::string& name, int64_t experts, int64_t outputs,
                                                          int64_t inputs) {
  const NamedTensor* tensor = TRY(take(name, {experts, outputs, inputs}, UsedBy::kSomeTokens));
  const kernels::Address start = TRY(adopt(*tensor));
  std::vector<kernels::Matrix> matrices;
  for (int64_t expert = 0; expert < experts; ++expert) {
    const size_t offset = static_cast<size_t>(expert * outputs) * tensor::row_bytes(tensor->view.dtype, inputs);
    matrices.push_back(matrix_handle(*tensor, start.plus(offset), outputs, inputs));
  }
  return matrices;
}

Result<std::vector<kernels::Matrix>> TensorTaker::stacked_input_major(const std::string& name, int64_t experts,
                                                                      int64_t inputs, int64_t outputs) {
  const NamedTensor* tensor = TRY(take(name, {experts, inputs, outputs}, UsedBy::kSomeTokens));
  if (tensor::is_block_format(tensor->view.dtype) || tensor->view.dtype == tensor::DType::kF8E4M3)
    return error(ErrorCode::kUnsupported, "{}: tensor {}: expected F32, F16 or BF16 for fused experts, found {}",
                 checkpoint_.file_of(*tensor).string(), name, tensor::name(tensor->view.dtype));
  const kernels::Address start = TRY(adopt(*tensor));
  std::vector<kernels::Matrix> matrices;
  for (int64_t expert = 0; expert < experts; ++expert) {
    const size_t row = tensor::row_bytes(tensor->view.dtype, outputs);
    kernels::Matrix matrix =
        matrix_handle(*tensor, start.plus(static_cast<size_t>(expert * inputs) * row), outputs, inputs);
    matrix.order = kernels::MatrixOrder::kInputMajor;
    matrix.row_stride = row;
    matrices.push_back(matrix);
  }
  return matrices;
}

Result<kernels::NormWeight> TensorTaker::norm(const std::string& name, int64_t width) {
  const NamedTensor* tensor = TRY(take(name, {width}, UsedBy::kEveryToken));
  if (machine_ != nullptr) TRY_VOID(require_finite(*tensor));
  return kernels::NormWeight{TRY(adopt(*tensor)), tensor->view.dtype, width};
}

Result<void> TensorTaker::finish() {
  std::map<std::string, int64_t> bystanders;
  const NamedTensor* first_extra = nullptr;
  int64_t extra = 0;
  totals_->parameters = totals_->text_parameters;
  for (const NamedTensor& tensor : checkpoint_.tensors()) {
    if (taken_.contains(tensor.name)) continue;
    const std::string_view family = known_bystander(tensor.name);
    if (!family.empty()) {
      ++bystanders[std::string(family)];
      if (family == "vision") totals_->parameters += tensor.view.values();
    } else if (extra++ == 0) {
      first_extra = &tensor;
    }
  }
  if (first_extra != nullptr)
    return error(ErrorCode::kBadFile,
                 "{}: {} extra tensor{} that the configuration does not call for, the first is {} {}: expected none; "
                 "configuration and weights are not of one model",
                 checkpoint_.file_of(*first_extra).string(), extra, extra == 1 ? "" : "s", first_extra->name,
                 tensor::to_string(first_extra->view.shape));
  // Files lie one after the other in the checkpoint's list.
  for (auto* parts : {&totals_->always_read, &totals_->sometimes_read})
    std::ranges::sort(*parts, {}, [](const FilePart& part) { return std::pair(part.file, part.offset); });
  for (const auto& [family, count] : bystanders)
    totals_->unused.push_back(fmt::format("{} tensors: {}", count, family));
  return {};
}

}  // namespace paddock::llama4
