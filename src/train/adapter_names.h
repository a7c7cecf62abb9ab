// SPDX-License-Identifier: Apache-2.0
#pragma once
// What PEFT calls the update of a parameter; ".lora_A.weight" and ".lora_B.weight" follow.

#include <string>

namespace paddock::train {

// The module that a parameter belongs to: "model.layers.0.self_attn.q_proj.weight" without its ending.
inline std::string module_name(std::string name) {
  if (name.ends_with(".weight")) name.resize(name.size() - std::string(".weight").size());
  return name;
}

inline std::string update_name(const std::string& parameter) { return "base_model.model." + module_name(parameter); }

inline bool is_gate_up(const std::string& parameter) { return parameter.ends_with(".gate_up_proj"); }

// PEFT wraps the module of the experts once for each tensor that it updates, in the order of the module's tensors:
// gate_up_proj inside, down_proj around it. A single wrapper is the outer one, whichever tensor it is for.
enum class ExpertPlace { kInner, kOuter };

inline std::string expert_update_name(const std::string& parameter, ExpertPlace place) {
  const std::string experts = update_name(parameter.substr(0, parameter.rfind('.')));
  return place == ExpertPlace::kInner ? experts + ".base_layer" : experts;
}

}  // namespace paddock::train
