// SPDX-License-Identifier: Apache-2.0
#pragma once
// generation_config.json: how the checkpoint's makers would like it to be sampled, and which tokens end an answer.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace paddock::engine {

struct GenerationConfig {
  std::vector<int32_t> stop_tokens;
  std::optional<float> temperature;
  std::optional<int32_t> top_k;
  std::optional<float> top_p;
  std::optional<float> min_p;
  std::optional<float> repetition_penalty;
  bool greedy = false;               // do_sample is false, and the file says so
  std::vector<std::string> ignored;  // keys that have no use here
};

// `source` names the file in errors.
Result<GenerationConfig> generation_config_from_json(const Json& json, const std::string& source);

}  // namespace paddock::engine
