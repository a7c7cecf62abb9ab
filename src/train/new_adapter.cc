// SPDX-License-Identifier: Apache-2.0
#include "train/new_adapter.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "train/adapter_names.h"
#include "train/random.h"

namespace paddock::train {
namespace {

// Which parameters a target names. Experts come in pairs: in PEFT's keys the second wraps the first.
Result<std::vector<size_t>> parameters_of(const ParameterList& list, const std::string& target) {
  std::vector<size_t> found;
  const auto add = [&](const char* name, size_t parameter) {
    if (parameter == kNoParameter) return;
    const bool is_group = target == "attention" || target == "mlp" || target == "experts";
    if (is_group || target == name) found.push_back(parameter);
  };
  const auto is = [&](std::initializer_list<const char*> names) {
    return std::ranges::find(names, target) != names.end();
  };
  if (target == "head" && list.head != list.embedding) return std::vector<size_t>{list.head};
  if (target == "head")
    return error(ErrorCode::kUnsupported,
                 "adapter.targets: expected a head of its own, found a model whose head is the embedding");
  for (const LayerParameters& layer : list.layers) {
    if (is({"attention", "q", "k", "v", "o"}))
      add("q", layer.q), add("k", layer.k), add("v", layer.v), add("o", layer.o);
    if (is({"mlp", "gate", "up", "down"}))
      add("gate", layer.mlp.gate), add("up", layer.mlp.up), add("down", layer.mlp.down);
    if (is({"experts"})) add("experts", layer.experts_gate_up), add("experts", layer.experts_down);
  }
  if (!is({"attention", "q", "k", "v", "o", "mlp", "gate", "up", "down", "experts"}))
    return error(ErrorCode::kInvalidArgument,
                 "adapter.targets: expected attention, mlp, experts, head or q, k, v, o, gate, up, down, found {}",
                 target);
  return found;
}

// Both tensors of experts are updated, so that gate_up_proj has the inner place.
std::string module_of(const Parameter& parameter) {
  if (parameter.shape.size() == 2) return update_name(parameter.name);
  return expert_update_name(parameter.name, is_gate_up(parameter.name) ? ExpertPlace::kInner : ExpertPlace::kOuter);
}

}  // namespace

Result<Adapter> new_adapter(const ParameterList& parameters, const NewAdapter& wishes, std::vector<float>* values) {
  std::set<size_t> chosen;
  for (const std::string& target : wishes.targets)
    for (const size_t parameter : TRY(parameters_of(parameters, target))) chosen.insert(parameter);
  if (chosen.empty())
    return error(ErrorCode::kInvalidArgument, "adapter.targets: expected matrices of this model, found none");
  llama4::AdapterFile file;
  for (const size_t parameter : chosen) {
    const tensor::Shape& shape = parameters[parameter].shape;
    const bool experts = shape.size() == 3;
    const int64_t inputs = shape[1], outputs = experts ? shape[2] : shape[0];
    file.add(parameter, module_of(parameters[parameter]),
             {.rank = wishes.rank,
              .experts = experts ? shape[0] : 0,
              .inputs = inputs,
              .outputs = outputs,
              .scale = static_cast<float>(wishes.alpha / static_cast<double>(wishes.rank))});
  }
  values->assign(static_cast<size_t>(file.floats()), 0.0f);
  for (const AdapterTensor& tensor : file.tensors()) {
    if (!tensor.name.ends_with("lora_A.weight")) continue;
    const double bound = 1 / std::sqrt(static_cast<double>(tensor.shape[1]));
    RandomNumbers numbers(wishes.seed, static_cast<uint64_t>(tensor.offset));
    for (int64_t index = 0; index < tensor.count; ++index)
      (*values)[static_cast<size_t>(tensor.offset + index)] = static_cast<float>((2 * numbers.uniform() - 1) * bound);
  }
  return Adapter(std::move(file));
}

}  // namespace paddock::train
