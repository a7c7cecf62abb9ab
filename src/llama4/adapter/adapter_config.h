// SPDX-License-Identifier: Apache-2.0
#pragma once
// What PEFT's adapter_config.json says of low-rank updates.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace paddock::llama4 {

class AdapterConfig {
 public:
  // `text` is an adapter_config.json called `source`. Refused, each by its key: kinds of adapters other than plain low
  // rank, weights stored beside the updates, and starting points that change the model's own weights.
  static Result<AdapterConfig> parse(std::string_view text, const std::string& source);

  // What multiplies the update of rank `rank` of the module `name` ("model.layers.0.self_attn.q_proj"): alpha / r, or
  // alpha / sqrt(r) where the file says use_rslora. Finite.
  float scale(std::string_view name, int64_t rank) const;

  // Whether the file names the experts' tensor gate_up_proj and not down_proj, of the module `experts`: a single update
  // of experts says nowhere else which of the two it is of.
  bool updates_gate_up_alone(const std::string& experts) const;

  // Of the PEFT that wrote the file, (0, 19) for "0.19.1"; (-1, 0) where the file does not say.
  std::pair<int, int> version() const { return version_; }

 private:
  double alpha_ = 0;
  std::vector<std::pair<std::string, double>> alpha_of_;  // of modules that end so, first match first
  std::vector<std::string> target_parameters_;
  bool root_of_rank_ = false;
  std::pair<int, int> version_ = {-1, 0};
};

}  // namespace paddock::llama4
