// SPDX-License-Identifier: Apache-2.0
#include "tests/support/adapters.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <random>

#include "base/mapped_file.h"
#include "checkpoint/safetensors_writer.h"
#include "kernels/host/host_memory.h"
#include "llama4/parameters.h"
#include "tensor/decode.h"

namespace paddock::test {
namespace {

namespace fs = std::filesystem;

using kernels::HostMemory;
using kernels::Matrix;

struct FileTensor {
  tensor::Shape shape;
  std::vector<float> values;
};

std::string without_weight(const std::string& name) {
  return name.ends_with(".weight") ? name.substr(0, name.size() - 7) : name;
}

// Of a matrix, or of a tensor of experts: what PEFT's keys begin with.
std::string key_of(const llama4::Parameter& parameter) {
  std::string key = "base_model.model." + without_weight(parameter.name);
  if (parameter.shape.size() < 3) return key;
  const bool inner = key.ends_with(".gate_up_proj");
  key.resize(key.rfind('.'));
  return inner ? key + ".base_layer" : key;
}

// Outputs first, whatever stores it, scales applied.
std::vector<float> decoded(const Matrix& matrix) {
  std::vector<float> weights(static_cast<size_t>(matrix.outputs * matrix.inputs));
  const bool by_outputs = matrix.order == kernels::MatrixOrder::kOutputMajor;
  const int64_t rows = by_outputs ? matrix.outputs : matrix.inputs, width = by_outputs ? matrix.inputs : matrix.outputs;
  std::vector<float> row(static_cast<size_t>(width)), scales(static_cast<size_t>(matrix.scale_count), 1.0f);
  if (!matrix.scales.is_null())
    tensor::decode_row(matrix.scale_dtype, HostMemory::bytes(matrix.scales), scales.data(), matrix.scale_count);
  for (int64_t index = 0; index < rows; ++index) {
    tensor::decode_row(matrix.dtype, HostMemory::bytes(matrix.weights) + static_cast<size_t>(index) * matrix.row_stride,
                       row.data(), width);
    for (int64_t other = 0; other < width; ++other) {
      const int64_t output = by_outputs ? index : other, input = by_outputs ? other : index;
      const float scale =
          matrix.scales.is_null() ? 1.0f : scales[matrix.scale_count == 1 ? 0 : static_cast<size_t>(output)];
      weights[static_cast<size_t>(output * matrix.inputs + input)] = row[static_cast<size_t>(other)] * scale;
    }
  }
  return weights;
}

class Merger {
 public:
  Merger(const LoadedModel& loaded, const fs::path& adapter, MergedModel* merged)
      : merged_(*merged), config_(loaded.model.config), parameters_(llama4::ParameterList::of(config_)) {
    merged_.model = loaded.model;
    const auto file = checkpoint::Checkpoint::open(adapter / "adapter_model.safetensors");
    for (const checkpoint::NamedTensor& tensor : file->tensors()) {
      FileTensor& mine = tensors_[tensor.name];
      mine.shape = tensor.view.shape;
      mine.values.resize(static_cast<size_t>(tensor.view.values()));
      tensor::decode_row(tensor.view.dtype, tensor.view.bytes.data(), mine.values.data(), tensor.view.values());
    }
    const std::string config_file = (adapter / "adapter_config.json").string();
    alpha_ = parse_json(read_text_file(config_file).value(), config_file)->at("lora_alpha").get<double>();
  }

  void merge() {
    llama4::Weights& weights = merged_.model.weights;
    for (size_t index = 0; index < weights.layers.size(); ++index) {
      llama4::LayerWeights& layer = weights.layers[index];
      const llama4::LayerParameters& places = parameters_.layers[index];
      for (const auto& [matrix, place] : {std::pair(&layer.wq, places.q),
                                          {&layer.wk, places.k},
                                          {&layer.wv, places.v},
                                          {&layer.wo, places.o},
                                          {&layer.mlp.gate, places.mlp.gate},
                                          {&layer.mlp.up, places.mlp.up},
                                          {&layer.mlp.down, places.mlp.down}})
        add_to_matrix(matrix, place);
      for (size_t expert = 0; expert < layer.experts.size(); ++expert) {
        const auto e = static_cast<int64_t>(expert);
        add_to_expert(&layer.experts[expert].gate, places.experts_gate_up, e, 0);
        add_to_expert(&layer.experts[expert].up, places.experts_gate_up, e, config_.expert_width);
        add_to_expert(&layer.experts[expert].down, places.experts_down, e, 0);
      }
    }
    if (!config_.tied_head) add_to_matrix(&weights.head, parameters_.head);
  }

 private:
  // Null where the adapter has none.
  std::pair<const FileTensor*, const FileTensor*> pair_of(size_t parameter) const {
    const std::string key = key_of(parameters_[parameter]);
    const auto a = tensors_.find(key + ".lora_A.weight"), b = tensors_.find(key + ".lora_B.weight");
    if (a == tensors_.end()) return {};
    return {&a->second, &b->second};
  }

  // W[o][i] += delta(o, i)
  template <typename Delta>
  void add(Matrix* matrix, const Delta& delta) {
    std::vector<float>& weights = merged_.weights.emplace_back(decoded(*matrix));
    for (int64_t output = 0; output < matrix->outputs; ++output)
      for (int64_t input = 0; input < matrix->inputs; ++input) {
        float& weight = weights[static_cast<size_t>(output * matrix->inputs + input)];
        weight = static_cast<float>(weight + delta(output, input));
      }
    *matrix = {.weights = HostMemory::address_of(weights.data()),
               .outputs = matrix->outputs,
               .inputs = matrix->inputs,
               .row_stride = static_cast<size_t>(matrix->inputs) * sizeof(float)};
  }

  void add_to_matrix(Matrix* matrix, size_t parameter) {
    const auto [a, b] = pair_of(parameter);
    if (a == nullptr) return;
    const auto rank = static_cast<size_t>(a->shape[0]), inputs = static_cast<size_t>(a->shape[1]);
    add(matrix, [&, a = a, b = b](int64_t output, int64_t input) {
      double sum = 0;
      for (size_t j = 0; j < rank; ++j)
        sum += static_cast<double>(b->values[static_cast<size_t>(output) * rank + j]) *
               a->values[j * inputs + static_cast<size_t>(input)];
      return alpha_ / static_cast<double>(rank) * sum;
    });
  }

  // W_e[d][x] += scale B_e A_e, or its older form; the expert's outputs begin at x = `first`.
  void add_to_expert(Matrix* matrix, size_t parameter, int64_t expert, int64_t first) {
    const auto [a, b] = pair_of(parameter);
    if (a == nullptr) return;
    const auto experts = static_cast<size_t>(config_.experts), rank = static_cast<size_t>(a->shape[0]) / experts;
    const auto e = static_cast<size_t>(expert), a_width = static_cast<size_t>(a->shape[1]);
    const bool inputs_first = a->shape[1] == parameters_[parameter].shape[2];
    add(matrix, [&, a = a, b = b](int64_t output, int64_t input) {
      const auto x = static_cast<size_t>(output + first), d = static_cast<size_t>(input);
      double sum = 0;
      for (size_t j = 0; j < rank; ++j)
        sum += static_cast<double>(b->values[(inputs_first ? d : x) * rank * experts + j * experts + e]) *
               a->values[(e * rank + j) * a_width + (inputs_first ? x : d)];
      return alpha_ / static_cast<double>(rank) * sum;
    });
  }

  MergedModel& merged_;
  const llama4::Config& config_;
  const llama4::ParameterList parameters_;
  std::map<std::string, FileTensor> tensors_;
  double alpha_ = 0;
};

}  // namespace

void write_random_adapter(const llama4::Config& config, const fs::path& folder, const AdapterRecipe& recipe) {
  fs::create_directories(folder);
  std::ofstream(folder / "adapter_config.json") << Json{
      {"peft_type", "LORA"},
      {"r", recipe.rank},
      {"lora_alpha", 2 * recipe.rank},
      {"peft_version",
       recipe.outputs_first ? "0.18.1" : "0.21.2"}}.dump();
  const auto parameters = llama4::ParameterList::of(config);
  std::mt19937 random(recipe.seed);
  std::normal_distribution<float> normal(0, recipe.deviation);
  std::map<std::string, FileTensor> tensors;
  const auto add = [&](const std::string& name, const tensor::Shape& shape) {
    FileTensor& tensor = tensors[name];
    tensor.shape = shape;
    tensor.values.resize(static_cast<size_t>(tensor::count(shape)));
    for (float& value : tensor.values) value = normal(random);
  };
  for (const llama4::Parameter& parameter : parameters.all()) {
    const tensor::Shape& shape = parameter.shape;
    const bool is_router = parameter.name.ends_with("router.weight"),
               is_head = parameter.name.ends_with("lm_head.weight");
    if (shape.size() < 2 || parameter.name.ends_with("embed_tokens.weight") || (is_router && !recipe.with_router) ||
        (is_head && !recipe.with_head))
      continue;
    const std::string key = key_of(parameter);
    if (shape.size() == 2) {
      add(key + ".lora_A.weight", {recipe.rank, shape[1]});
      add(key + ".lora_B.weight", {shape[0], recipe.rank});
    } else {
      const int64_t rows = recipe.rank * shape[0];
      add(key + ".lora_A.weight", {rows, recipe.outputs_first ? shape[1] : shape[2]});
      add(key + ".lora_B.weight", {recipe.outputs_first ? shape[2] : shape[1], rows});
    }
  }
  std::vector<checkpoint::TensorToWrite> written;
  for (const auto& [name, tensor] : tensors)
    written.push_back({name, {tensor::DType::kF32, tensor.shape, std::as_bytes(std::span(tensor.values))}});
  const auto done = checkpoint::write_safetensors(folder / "adapter_model.safetensors", written);
  EXPECT_TRUE(done) << done.error().message;
}

std::shared_ptr<const llama4::Adapter> load_adapter(const LoadedModel& loaded, const fs::path& folder) {
  auto adapter = llama4::Adapter::load(folder, loaded.model.config, loaded.machine.get(),
                                       std::make_shared<llama4::AdapterMemory>(size_t{1} << 40));
  if (adapter) return *adapter;
  ADD_FAILURE() << adapter.error().message;
  return nullptr;
}

std::unique_ptr<MergedModel> merge(const LoadedModel& loaded, const fs::path& adapter) {
  auto merged = std::make_unique<MergedModel>();
  Merger(loaded, adapter, merged.get()).merge();
  return merged;
}

}  // namespace paddock::test
