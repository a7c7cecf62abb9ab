// SPDX-License-Identifier: Apache-2.0
#include "train/adapter.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/mapped_file.h"
#include "tensor/decode.h"
#include "train/adapter_names.h"

namespace paddock::train {

using checkpoint::NamedTensor;

// Numbers of adapter_config.json that matter here.
struct AdapterConfig {
  double alpha = 0;
  bool root_of_rank = false;  // scale = alpha / sqrt(r) instead of alpha / r
  std::string version;        // of PEFT
  std::vector<std::string> target_parameters;

  // Of the experts that the parameter `name` belongs to.
  bool targets_only_gate_up(const std::string& name) const {
    const std::string experts = name.substr(0, name.rfind('.') + 1);
    return targets(experts + "gate_up_proj") && !targets(experts + "down_proj");
  }

 private:
  // As PEFT does: the whole name, or its end from a dot on.
  bool targets(const std::string& name) const {
    return std::ranges::any_of(
        target_parameters, [&](const std::string& target) { return name == target || name.ends_with("." + target); });
  }
};

class AdapterReader {
 public:
  AdapterReader(const checkpoint::Checkpoint& file, const AdapterConfig& config, const ParameterList& parameters,
                std::vector<float>* values)
      : file_(file), config_(config), parameters_(parameters), values_(*values) {}

  Result<Adapter> read() {
    for (size_t index = 0; index < parameters_.all().size(); ++index) {
      const tensor::Shape& shape = parameters_[index].shape;
      if (shape.size() == 2) TRY_VOID(read_matrix(index));
      if (shape.size() == 3) TRY_VOID(read_experts(index));
    }
    for (const NamedTensor& tensor : file_.tensors())
      if (std::ranges::none_of(adapter_.tensors_, [&](const auto& used) { return used.name == tensor.name; }))
        return error(
            ErrorCode::kBadFile,
            "{}: expected updates of the model's matrices and experts, found {}; use the adapter with the model "
            "that it was made for",
            source(), tensor.name);
    if (adapter_.updates_.empty())
      return error(ErrorCode::kBadFile, "{}: expected updates lora_A and lora_B, found none", source());
    return std::move(adapter_);
  }

 private:
  std::string source() const { return file_.files().front().path().string(); }

  Result<void> read_matrix(size_t index) {
    const tensor::Shape& shape = parameters_[index].shape;
    const std::string start = update_name(parameters_[index].name);
    const NamedTensor *a = file_.find(start + ".lora_A.weight"), *b = file_.find(start + ".lora_B.weight");
    if (a == nullptr && b == nullptr) return {};
    const int64_t rank = TRY(rank_of(start, a, b));
    TRY_VOID(expect(*a, {rank, shape[1]}));
    TRY_VOID(expect(*b, {shape[0], rank}));
    add(index, *a, *b, {.rank = rank, .inputs = shape[1], .outputs = shape[0], .scale = scale(rank)});
    return {};
  }

  // Keys of experts do not name their tensor: with two updates the inner one is that of gate_up_proj; a single one
  // belongs to the tensor that the configuration names.
  Result<void> read_experts(size_t index) {
    const tensor::Shape& shape = parameters_[index].shape;  // [E, D, X]
    const std::string& name = parameters_[index].name;
    const bool both = file_.find(expert_update_name(name, ExpertPlace::kInner) + ".lora_A.weight") != nullptr;
    const bool gate_up = is_gate_up(name);
    if (!both && gate_up != config_.targets_only_gate_up(name)) return {};
    const std::string start = expert_update_name(name, both && gate_up ? ExpertPlace::kInner : ExpertPlace::kOuter);
    const NamedTensor *a = file_.find(start + ".lora_A.weight"), *b = file_.find(start + ".lora_B.weight");
    if (a == nullptr && b == nullptr) return {};
    const int64_t experts = shape[0], rows = TRY(rank_of(start, a, b)), rank = rows / experts;
    if (rank * experts != rows)
      return error(ErrorCode::kBadFile, "{}: {}: expected {} rows for each of {} experts, found {} in all", source(),
                   a->name, rank, experts, rows);
    const ExpertLayout layout = TRY(layout_of(*a, rows, shape));
    const bool first = layout == ExpertLayout::kInputsFirst;
    TRY_VOID(expect(*a, {rows, first ? shape[2] : shape[1]}));
    TRY_VOID(expect(*b, {first ? shape[1] : shape[2], rows}));
    add(index, *a, *b,
        {.rank = rank,
         .experts = experts,
         .inputs = shape[1],
         .outputs = shape[2],
         .layout = layout,
         .scale = scale(rank)});
    return {};
  }

  // By shape; where that does not tell, by who wrote it.
  Result<ExpertLayout> layout_of(const NamedTensor& a, int64_t rows, const tensor::Shape& shape) const {
    if (shape[1] != shape[2])
      return a.view.shape == tensor::Shape{rows, shape[2]} ? ExpertLayout::kInputsFirst : ExpertLayout::kOutputsFirst;
    int major = 0, minor = 0;
    if (std::sscanf(config_.version.c_str(), "%d.%d", &major, &minor) != 2)
      return error(
          ErrorCode::kBadFile,
          "adapter_config.json: expected peft_version, because experts of [{}, {}] can be updated in two ways, "
          "found none; write the version of PEFT that made the adapter",
          shape[1], shape[2]);
    return major > 0 || minor >= 19 ? ExpertLayout::kInputsFirst : ExpertLayout::kOutputsFirst;
  }

  Result<int64_t> rank_of(const std::string& start, const NamedTensor* a, const NamedTensor* b) const {
    if (a == nullptr || b == nullptr)
      return error(ErrorCode::kBadFile, "{}: {}: expected both lora_A and lora_B, found one of them", source(), start);
    if (a->view.shape.size() != 2 || a->view.shape[0] < 1)
      return error(ErrorCode::kBadFile, "{}: {}: expected a matrix, found {}", source(), a->name,
                   tensor::to_string(a->view.shape));
    return a->view.shape[0];
  }

  Result<void> expect(const NamedTensor& tensor, const tensor::Shape& shape) const {
    if (!tensor::is_decodable(tensor.view.dtype))
      return error(ErrorCode::kUnsupported, "{}: {}: expected floating-point numbers, found {}", source(), tensor.name,
                   tensor::name(tensor.view.dtype));
    if (tensor.view.shape != shape)
      return error(ErrorCode::kBadFile, "{}: {}: expected {} for this model, found {}", source(), tensor.name,
                   tensor::to_string(shape), tensor::to_string(tensor.view.shape));
    return {};
  }

  float scale(int64_t rank) const {
    const auto r = static_cast<double>(rank);
    return static_cast<float>(config_.alpha / (config_.root_of_rank ? std::sqrt(r) : r));
  }

  void add(size_t index, const NamedTensor& a, const NamedTensor& b, AdapterUpdate update) {
    update.a = store(a);
    update.b = store(b);
    adapter_.updates_[index] = update;
    adapter_.largest_rank_ = std::max(adapter_.largest_rank_, update.rank);
  }

  int64_t store(const NamedTensor& tensor) {
    const int64_t offset = adapter_.floats_, count = tensor.view.values();
    adapter_.tensors_.push_back({std::string(tensor.name), tensor.view.shape, offset, count});
    adapter_.floats_ += (count + 15) / 16 * 16;
    values_.resize(static_cast<size_t>(adapter_.floats_));
    tensor::decode_row(tensor.view.dtype, tensor.view.bytes.data(), values_.data() + offset, count);
    return offset;
  }

  const checkpoint::Checkpoint& file_;
  const AdapterConfig& config_;
  const ParameterList& parameters_;
  std::vector<float>& values_;
  Adapter adapter_;
};

namespace {

Result<AdapterConfig> read_config(const std::filesystem::path& path) {
  const Json json = TRY(parse_json(TRY(read_text_file(path)), path.string()));
  const auto wrong = [&](const char* key, const char* expected) {
    return error(ErrorCode::kBadFile, "{}: {}: expected {}, found {}", path.string(), key, expected,
                 json.contains(key) ? json.at(key).dump() : "nothing");
  };
  if (!json.is_object()) return error(ErrorCode::kBadFile, "{}: expected an object", path.string());
  if (json.value("peft_type", Json("LORA")) != "LORA") return wrong("peft_type", "LORA");
  for (const char* key : {"use_dora", "fan_in_fan_out", "lora_bias"})
    if (json.contains(key) && json.at(key) == true)
      return error(ErrorCode::kUnsupported, "{}: {}: expected false, found true; only plain low rank is known here",
                   path.string(), key);
  if (json.contains("alpha_pattern") && !json.at("alpha_pattern").empty())  // ranks are seen in the tensors
    return error(ErrorCode::kUnsupported, "{}: alpha_pattern: expected one alpha for all, found {}", path.string(),
                 json.at("alpha_pattern").dump());
  if (!json.contains("lora_alpha") || !json.at("lora_alpha").is_number()) return wrong("lora_alpha", "a number");
  AdapterConfig config;
  config.alpha = json.at("lora_alpha").get<double>();
  config.root_of_rank = json.contains("use_rslora") && json.at("use_rslora") == true;
  if (json.contains("peft_version") && json.at("peft_version").is_string()) config.version = json.at("peft_version");
  if (json.contains("target_parameters") && json.at("target_parameters").is_array())
    for (const Json& target : json.at("target_parameters"))
      if (target.is_string()) config.target_parameters.push_back(target.get<std::string>());
  return config;
}

}  // namespace

Result<Adapter> Adapter::read(const std::filesystem::path& folder, const ParameterList& parameters,
                              std::vector<float>* values) {
  const AdapterConfig config = TRY(read_config(folder / "adapter_config.json"));
  const auto file = TRY(checkpoint::Checkpoint::open(folder / "adapter_model.safetensors"));
  return AdapterReader(file, config, parameters, values).read();
}

std::optional<LowRank> Adapter::update(size_t parameter, int64_t expert, kernels::Address weights,
                                       kernels::Address gradients) const {
  const auto found = updates_.find(parameter);
  if (found == updates_.end()) return {};
  const AdapterUpdate& update = found->second;
  const int64_t rank = update.rank;
  // [rows, columns] at an offset, strides given.
  const auto plane = [](kernels::Address block, int64_t offset, int64_t rows, int64_t columns, int64_t row_stride,
                        int64_t column_stride) -> kernels::Plane {
    if (block.is_null()) return {};
    return {block.plus(static_cast<size_t>(offset) * sizeof(float)), rows, columns, row_stride, column_stride};
  };
  // A_e [r, width of A] and B_e [height of B, r].
  const bool first = update.experts == 0 ? false : update.layout == ExpertLayout::kInputsFirst;
  const int64_t a_width = first ? update.outputs : update.inputs, b_height = first ? update.inputs : update.outputs;
  const int64_t experts = std::max<int64_t>(update.experts, 1);
  const auto a = [&](kernels::Address block) {
    return plane(block, update.a + expert * rank * a_width, rank, a_width, a_width, 1);
  };
  const auto b = [&](kernels::Address block) {
    return plane(block, update.b + expert, b_height, rank, experts * rank, experts);
  };
  // y += scale x down up: B A where inputs come first, (B A)^T = A^T B^T where outputs do, as in a Linear layer.
  LowRank low;
  low.scale = update.scale;
  low.down = first ? b(weights) : a(weights).transposed();
  low.up = first ? a(weights) : b(weights).transposed();
  low.ddown = first ? b(gradients) : a(gradients).transposed();
  low.dup = first ? a(gradients) : b(gradients).transposed();
  return low;
}

}  // namespace paddock::train
