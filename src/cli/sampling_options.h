// SPDX-License-Identifier: Apache-2.0
#pragma once
// How the user wants tokens to be drawn: options of commands, and the /params of a chat.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/generation_config.h"
#include "engine/request.h"

namespace CLI {
class App;
}

namespace paddock::cli {

// Only what the user said; the rest is the command's to choose.
struct SamplingOptions {
  std::map<std::string, double, std::less<>> numbers;  // "top_p" -> 0.9: the names of sampling_names()
  std::optional<uint64_t> seed;
  std::vector<std::string> logit_bias;  // "ID=NUMBER"
};

// "temperature", "top_k", … in the order in which they act.
std::vector<std::string_view> sampling_names();

// "--top-p" and its like, --seed and --logit-bias.
void add_sampling_options(CLI::App& command, SamplingOptions* options);

// Sets one by name; an unknown name or a number that makes no sense is an error that lists what there is. Ranges are
// the engine's to check.
Result<void> set_sampling(std::string_view name, double value, engine::SamplingParameters* parameters);
double sampling_value(std::string_view name, const engine::SamplingParameters& parameters);

// The options over `defaults`. Without a seed one is drawn from the system, small enough for any JSON reader.
Result<engine::SamplingParameters> resolve_sampling(const SamplingOptions& options,
                                                    const engine::SamplingParameters& defaults);

// As the makers of the checkpoint suggest, where they do; otherwise temperature 0.7 and top_p 0.95.
engine::SamplingParameters chat_sampling(const engine::GenerationConfig& generation);

}  // namespace paddock::cli
