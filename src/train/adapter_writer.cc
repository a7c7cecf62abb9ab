// SPDX-License-Identifier: Apache-2.0
#include "train/adapter_writer.h"

#include <algorithm>
#include <cmath>
#include <list>
#include <nlohmann/json.hpp>
#include <set>

#include "base/check.h"
#include "base/json.h"
#include "base/new_file.h"
#include "checkpoint/safetensors_writer.h"
#include "train/adapter_names.h"

namespace paddock::train {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLayoutVersion = "0.19.1";  // of PEFT, whose layout this is

class AdapterWriter {
 public:
  AdapterWriter(const Adapter& adapter, const ParameterList& parameters, std::span<const float> values)
      : adapter_(adapter), parameters_(parameters), values_(values) {}

  Result<void> write(const std::string& base_model, const fs::path& folder) {
    CHECK(static_cast<int64_t>(values_.size()) == adapter_.floats());
    TRY_VOID(check(folder));
    for (const auto& [index, update] : adapter_.updates()) add(index, update);
    std::error_code problem;
    fs::create_directories(folder, problem);
    if (problem) return error(ErrorCode::kIo, "{}: cannot make the folder: {}", folder.string(), problem.message());
    std::vector<checkpoint::TensorToWrite> tensors;
    for (const Tensor& tensor : tensors_)
      tensors.push_back({tensor.name, {tensor::DType::kF32, tensor.shape, std::as_bytes(tensor.values)}});
    const std::vector<std::pair<std::string, std::string>> metadata = {{"format", "pt"}};
    TRY_VOID(checkpoint::write_safetensors(folder / "adapter_model.safetensors", tensors, metadata));
    NewFile file = TRY(NewFile::create(folder / "adapter_config.json"));
    TRY_VOID(file.write(config(base_model).dump(2) + "\n"));
    return file.commit();
  }

 private:
  struct Tensor {
    std::string name;
    tensor::Shape shape;
    std::span<const float> values;
  };

  Result<void> check(const fs::path& folder) const {
    const AdapterUpdate& first = adapter_.updates().begin()->second;
    for (const auto& [index, update] : adapter_.updates()) {
      if (update.rank != first.rank || update.scale != first.scale)
        return error(ErrorCode::kUnsupported,
                     "{}: expected updates of one rank and one strength, found ranks {} and {}, strengths {} and {}; "
                     "merge the adapter into its model instead",
                     folder.string(), first.rank, update.rank, first.scale, update.scale);
      if (index == parameters_.embedding)
        return error(ErrorCode::kUnsupported,
                     "{}: expected no update of {}, found one; merge the adapter into its model instead",
                     folder.string(), parameters_[index].name);
    }
    return {};
  }

  bool has(size_t index) const { return adapter_.updates().contains(index); }

  std::span<const float> part(int64_t offset, int64_t count) const {
    return values_.subspan(static_cast<size_t>(offset), static_cast<size_t>(count));
  }

  void add(size_t index, const AdapterUpdate& update) {
    const std::string& name = parameters_[index].name;
    if (update.experts == 0) {
      add_pair(update_name(name), {update.rank, update.inputs}, part(update.a, update.rank * update.inputs),
               {update.outputs, update.rank}, part(update.b, update.outputs * update.rank));
      return;
    }
    const int64_t rows = update.experts * update.rank;
    const bool turned = update.layout == ExpertLayout::kOutputsFirst;
    const auto a = turned ? a_of_outputs_first(update) : part(update.a, rows * update.outputs);
    const auto b = turned ? b_of_outputs_first(update) : part(update.b, update.inputs * rows);
    add_pair(expert_update_name(name, place_of(index)), {rows, update.outputs}, a, {update.inputs, rows}, b);
  }

  void add_pair(const std::string& start, tensor::Shape a_shape, std::span<const float> a, tensor::Shape b_shape,
                std::span<const float> b) {
    tensors_.push_back({start + ".lora_A.weight", std::move(a_shape), a});
    tensors_.push_back({start + ".lora_B.weight", std::move(b_shape), b});
  }

  // Inner only where the same experts have an outer one.
  ExpertPlace place_of(size_t index) const {
    for (const LayerParameters& layer : parameters_.layers)
      if (layer.experts_gate_up == index && has(layer.experts_down)) return ExpertPlace::kInner;
    return ExpertPlace::kOuter;
  }

  // The new A [E r, X], row e r + j, is column j E + e of the old B [X, r E].
  std::span<const float> a_of_outputs_first(const AdapterUpdate& update) {
    const int64_t rows = update.experts * update.rank;
    const auto old = part(update.b, update.outputs * rows);
    return turned_block(rows * update.outputs, [&](int64_t at) {
      const int64_t row = at / update.outputs, column = at % update.outputs;
      return old[static_cast<size_t>(column * rows + row % update.rank * update.experts + row / update.rank)];
    });
  }

  // The new B [D, r E], column j E + e, is row e r + j of the old A [E r, D].
  std::span<const float> b_of_outputs_first(const AdapterUpdate& update) {
    const int64_t rows = update.experts * update.rank;
    const auto old = part(update.a, rows * update.inputs);
    return turned_block(rows * update.inputs, [&](int64_t at) {
      const int64_t row = at / rows, column = at % rows;
      const int64_t old_row = column % update.experts * update.rank + column / update.experts;
      return old[static_cast<size_t>(old_row * update.inputs + row)];
    });
  }

  template <typename Value>
  std::span<const float> turned_block(int64_t count, const Value& value) {
    std::vector<float>& block = turned_.emplace_back(static_cast<size_t>(count));
    for (int64_t at = 0; at < count; ++at) block[static_cast<size_t>(at)] = value(at);
    return block;
  }

  Json config(const std::string& base_model) const {
    const AdapterUpdate& update = adapter_.updates().begin()->second;
    Json json = {{"peft_type", "LORA"},
                 {"peft_version", kLayoutVersion},
                 {"task_type", "CAUSAL_LM"},
                 {"base_model_name_or_path", base_model.empty() ? Json() : Json(base_model)},
                 {"inference_mode", true},
                 {"r", update.rank},
                 {"lora_alpha", alpha_of(update)},
                 {"lora_dropout", 0.0},
                 {"bias", "none"},
                 {"fan_in_fan_out", false},
                 {"init_lora_weights", true},
                 {"use_rslora", false},
                 {"use_dora", false}};
    json["target_modules"] = targets(2);
    const std::vector<std::string> of_experts = targets(3);
    json["target_parameters"] = of_experts.empty() ? Json() : Json(of_experts);
    return json;
  }

  // The whole number whose share of the rank is the scale in float32, where there is one.
  static Json alpha_of(const AdapterUpdate& update) {
    const double alpha = static_cast<double>(update.scale) * static_cast<double>(update.rank),
                 whole = std::round(alpha);
    if (static_cast<float>(whole / static_cast<double>(update.rank)) == update.scale)
      return static_cast<int64_t>(whole);
    return alpha;
  }

  // What is updated among parameters of so many dimensions: by the ends of their names where these name nothing else,
  // else one by one. A prefix means that there are other parts, whose names may end alike.
  std::vector<std::string> targets(size_t dimensions) const {
    std::set<std::string> updated, others;
    for (size_t index = 0; index < parameters_.all().size(); ++index)
      if (parameters_[index].shape.size() == dimensions)
        (has(index) ? updated : others).insert(end_of(parameters_[index].name));
    const bool alone = parameters_[parameters_.embedding].name.starts_with("model.");
    if (alone && std::ranges::none_of(updated, [&](const auto& end) { return others.contains(end); }))
      return {updated.begin(), updated.end()};
    std::vector<std::string> names;
    for (const auto& [index, update] : adapter_.updates())
      if (parameters_[index].shape.size() == dimensions) names.push_back(module_name(parameters_[index].name));
    return names;
  }

  // "q_proj"; "feed_forward.experts.gate_up_proj".
  static std::string end_of(const std::string& parameter) {
    const std::string name = module_name(parameter);
    const size_t experts = name.rfind("feed_forward.experts.");
    return name.substr(experts != std::string::npos ? experts : name.rfind('.') + 1);
  }

  const Adapter& adapter_;
  const ParameterList& parameters_;
  std::span<const float> values_;
  std::vector<Tensor> tensors_;
  std::list<std::vector<float>> turned_;  // of experts that were laid out the other way
};

}  // namespace

Result<void> write_adapter(const Adapter& adapter, const ParameterList& parameters, std::span<const float> values,
                           const std::string& base_model, const fs::path& folder) {
  return AdapterWriter(adapter, parameters, values).write(base_model, folder);
}

}  // namespace paddock::train
