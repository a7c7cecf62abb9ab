// SPDX-License-Identifier: Apache-2.0
#include "llama4/adapter/adapter_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <string_view>
#include <utility>

#include "base/mapped_file.h"
#include "checkpoint/safetensors.h"
#include "llama4/adapter/adapter_config.h"
#include "tensor/decode.h"

namespace paddock::llama4 {

using checkpoint::NamedTensor;

namespace {

constexpr size_t kConfigBytes = size_t{16} << 20;

bool drop_start(std::string_view* name, std::string_view start) {
  if (!name->starts_with(start)) return false;
  name->remove_prefix(start.size());
  return true;
}

// "language_model.model.layers.0.self_attn.q_proj.weight" -> "model.layers.0.self_attn.q_proj": what a text model and
// one with a vision part have in common.
std::string_view module_of(std::string_view name) {
  drop_start(&name, "language_model.");
  if (name.ends_with(".weight")) name.remove_suffix(std::string_view(".weight").size());
  return name;
}

}  // namespace

class AdapterReader {
 public:
  AdapterReader(std::string source, std::span<const NamedTensor> tensors, const AdapterConfig& config,
                const ParameterList& parameters, const AdapterLimits& limits, std::vector<float>* values)
      : source_(std::move(source)), config_(config), parameters_(parameters), limits_(limits), values_(*values) {
    size_t floats = 0;
    for (const NamedTensor& tensor : tensors) {
      floats += (static_cast<size_t>(tensor.view.values()) + 15) / 16 * 16;
      std::string_view name = tensor.name;
      if (drop_start(&name, "base_model.model.")) drop_start(&name, "language_model.");
      unused_.emplace(name, &tensor);
    }
    values_.reserve(std::min(floats, static_cast<size_t>(limits.floats)));
  }

  Result<AdapterFile> read(size_t tensors) {
    for (size_t index = 0; index < parameters_.all().size(); ++index) {
      const tensor::Shape& shape = parameters_[index].shape;
      if (shape.size() == 2) TRY_VOID(read_matrix(index));
      if (shape.size() == 3) TRY_VOID(read_experts(index));
    }
    if (!unused_.empty())
      return error(ErrorCode::kBadFile,
                   "{}: expected updates of the model's matrices and experts, found {}; use the adapter with the model "
                   "that it was made for",
                   source_, unused_.begin()->second->name);
    if (adapter_.updates_.empty())
      return error(ErrorCode::kBadFile, "{}: expected updates lora_A and lora_B, found none", source_);
    if (adapter_.tensors_.size() != tensors)
      return error(ErrorCode::kBadFile, "{}: expected each update once, found some under two names", source_);
    return std::move(adapter_);
  }

 private:
  struct Pair {
    const NamedTensor *a = nullptr, *b = nullptr;
    explicit operator bool() const { return a != nullptr; }
  };

  Result<void> read_matrix(size_t index) {
    const tensor::Shape& shape = parameters_[index].shape;
    const std::string module(module_of(parameters_[index].name));
    const Pair pair = TRY(take(module));
    if (!pair) return {};
    const int64_t rank = TRY(rows_of(*pair.a));
    TRY_VOID(expect(*pair.a, {rank, shape[1]}));
    TRY_VOID(expect(*pair.b, {shape[0], rank}));
    return add(index, pair,
               {.rank = rank, .inputs = shape[1], .outputs = shape[0], .scale = config_.scale(module, rank)});
  }

  // PEFT wraps the module once for each tensor that it updates, and keys do not name theirs: of two the inner wrapper
  // is that of gate_up_proj, a single one belongs to the tensor that the configuration names.
  Result<void> read_experts(size_t index) {
    const tensor::Shape& shape = parameters_[index].shape;  // [E, D, X]
    const std::string_view module = module_of(parameters_[index].name);
    const std::string wrapped(module.substr(0, module.rfind('.')));
    const bool is_gate_up = module.ends_with(".gate_up_proj");
    const bool has_inner = unused_.contains(wrapped + ".base_layer.lora_A.weight") ||
                           unused_.contains(wrapped + ".base_layer.lora_B.weight");
    if (!has_inner && is_gate_up && !config_.updates_gate_up_alone(wrapped)) return {};
    const Pair pair = TRY(take(has_inner && is_gate_up ? wrapped + ".base_layer" : wrapped));
    if (!pair) return {};
    const int64_t experts = shape[0], rows = TRY(rows_of(*pair.a)), rank = rows / experts;
    if (rank * experts != rows)
      return error(ErrorCode::kBadFile, "{}: {}: expected {} rows for each of {} experts, found {} in all", source_,
                   pair.a->name, rank, experts, rows);
    const ExpertLayout layout = TRY(layout_of(*pair.a, rows, shape));
    const bool first = layout == ExpertLayout::kInputsFirst;
    TRY_VOID(expect(*pair.a, {rows, first ? shape[2] : shape[1]}));
    TRY_VOID(expect(*pair.b, {first ? shape[1] : shape[2], rows}));
    return add(index, pair,
               {.rank = rank,
                .experts = experts,
                .inputs = shape[1],
                .outputs = shape[2],
                .layout = layout,
                .scale = config_.scale(module, rank)});
  }

  // By shape; where that does not tell, by who wrote it.
  Result<ExpertLayout> layout_of(const NamedTensor& a, int64_t rows, const tensor::Shape& shape) const {
    if (shape[1] != shape[2])
      return a.view.shape == tensor::Shape{rows, shape[2]} ? ExpertLayout::kInputsFirst : ExpertLayout::kOutputsFirst;
    if (config_.version().first < 0)
      return error(
          ErrorCode::kBadFile,
          "{}: expected peft_version in adapter_config.json, because experts of [{}, {}] can be updated in two ways, "
          "found none; write the version of PEFT that made the adapter",
          source_, shape[1], shape[2]);
    return config_.version() >= std::pair(0, 19) ? ExpertLayout::kInputsFirst : ExpertLayout::kOutputsFirst;
  }

  Result<Pair> take(const std::string& module) {
    const auto a = unused_.find(module + ".lora_A.weight"), b = unused_.find(module + ".lora_B.weight");
    if (a == unused_.end() && b == unused_.end()) return Pair();
    if (a == unused_.end() || b == unused_.end())
      return error(ErrorCode::kBadFile, "{}: {}: expected both lora_A and lora_B, found one of them", source_, module);
    const Pair pair = {a->second, b->second};
    unused_.erase(a);
    unused_.erase(b);
    return pair;
  }

  Result<int64_t> rows_of(const NamedTensor& a) const {
    if (a.view.shape.size() != 2 || a.view.shape[0] < 1)
      return error(ErrorCode::kBadFile, "{}: {}: expected a matrix, found {}", source_, a.name,
                   tensor::to_string(a.view.shape));
    return a.view.shape[0];
  }

  Result<void> expect(const NamedTensor& tensor, const tensor::Shape& shape) const {
    if (!tensor::is_decodable(tensor.view.dtype))
      return error(ErrorCode::kUnsupported, "{}: {}: expected floating-point numbers, found {}", source_, tensor.name,
                   tensor::name(tensor.view.dtype));
    if (tensor.view.shape != shape)
      return error(ErrorCode::kBadFile, "{}: {}: expected {} for this model, found {}", source_, tensor.name,
                   tensor::to_string(shape), tensor::to_string(tensor.view.shape));
    return {};
  }

  Result<void> add(size_t index, const Pair& pair, AdapterUpdate update) {
    if (update.rank > limits_.rank)
      return error(ErrorCode::kLimit, "{}: {}: expected a rank of at most {}, found {}", source_, pair.a->name,
                   limits_.rank, update.rank);
    update.a = TRY(store(*pair.a));
    update.b = TRY(store(*pair.b));
    adapter_.updates_[index] = update;
    adapter_.largest_rank_ = std::max(adapter_.largest_rank_, update.rank);
    return {};
  }

  Result<int64_t> store(const NamedTensor& tensor) {
    const int64_t offset = adapter_.floats_, count = tensor.view.values();
    numbers_ += static_cast<uint64_t>(count);
    if (numbers_ > limits_.floats)
      return error(ErrorCode::kLimit, "{}: expected at most {} numbers in all, found more; give adapters more memory",
                   source_, limits_.floats);
    adapter_.tensors_.push_back({tensor.name, tensor.view.shape, offset, count});
    adapter_.floats_ += (count + 15) / 16 * 16;
    values_.resize(static_cast<size_t>(adapter_.floats_));
    const auto stored = std::span(values_).subspan(static_cast<size_t>(offset), static_cast<size_t>(count));
    tensor::decode_row(tensor.view.dtype, tensor.view.bytes.data(), stored.data(), count);
    const auto odd = std::ranges::find_if_not(stored, [](float value) { return std::isfinite(value); });
    if (odd != stored.end())
      return error(ErrorCode::kBadFile, "{}: {}: expected finite numbers, found {}", source_, tensor.name, *odd);
    return offset;
  }

  const std::string source_;
  const AdapterConfig& config_;
  const ParameterList& parameters_;
  const AdapterLimits limits_;
  std::vector<float>& values_;
  uint64_t numbers_ = 0;                                           // in values_, less what lies between tensors
  std::map<std::string, const NamedTensor*, std::less<>> unused_;  // by module_of and what it is of that
  AdapterFile adapter_;
};

void AdapterFile::add(size_t parameter, const std::string& module, AdapterUpdate update) {
  const bool first = update.experts > 0 && update.layout == ExpertLayout::kInputsFirst;
  const int64_t rows = std::max<int64_t>(update.experts, 1) * update.rank;
  const auto place = [&](const char* name, tensor::Shape shape) {
    const int64_t offset = floats_, count = tensor::count(shape);
    tensors_.push_back({module + name, std::move(shape), offset, count});
    floats_ += (count + 15) / 16 * 16;
    return offset;
  };
  update.a = place(".lora_A.weight", {rows, first ? update.outputs : update.inputs});
  update.b = place(".lora_B.weight", {first ? update.inputs : update.outputs, rows});
  updates_[parameter] = update;
  largest_rank_ = std::max(largest_rank_, update.rank);
}

Result<AdapterFile> AdapterFile::read(const std::filesystem::path& folder, const ParameterList& parameters,
                                      std::vector<float>* values, const AdapterLimits& limits) {
  const std::filesystem::path config_path = folder / "adapter_config.json", path = folder / "adapter_model.safetensors";
  const std::string config_text = TRY(read_text_file(config_path, kConfigBytes));
  const AdapterConfig config = TRY(AdapterConfig::parse(config_text, config_path.string()));
  // Not mapped: somebody may change the file while it is read.
  const std::string bytes = TRY(read_text_file(path, limits.file_bytes));
  const auto contents = TRY(checkpoint::parse_safetensors(std::as_bytes(std::span(bytes)), path.string()));
  AdapterReader reader(path.string(), contents.tensors, config, parameters, limits, values);
  AdapterFile adapter = TRY(reader.read(contents.tensors.size()));
  adapter.digest_ = sha256({std::to_string(config_text.size()), ":", config_text, bytes});
  return adapter;
}

}  // namespace paddock::llama4
