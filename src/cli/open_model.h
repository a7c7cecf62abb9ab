// SPDX-License-Identifier: Apache-2.0
#pragma once
// From a path to a model that runs: headers first, then the plan, then the weights.

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/read_ahead.h"
#include "base/result.h"
#include "checkpoint/checkpoint.h"
#include "cli/eyes.h"
#include "cli/model_text.h"
#include "cli/options.h"
#include "engine/generation_config.h"
#include "llama4/adapter/adapter.h"
#include "llama4/memory_plan.h"
#include "llama4/model.h"

namespace paddock::cli {

// A checkpoint whose headers, configuration and tokenizer have been read and agree. No weights have been read.
struct OpenModel {
  checkpoint::Checkpoint checkpoint;
  std::string path;  // as the user gave it
  llama4::Config config;
  llama4::ConfigReport report;
  llama4::WeightTotals totals;
  ModelText text;
  engine::GenerationConfig generation;
  std::vector<int32_t> stop_tokens;  // that configuration, generation_config.json or tokenizer name; sorted

  std::optional<OpenVision> vision;  // where somebody opened it

  bool is_loaded = false;              // the weights are in memory, or on their way
  std::unique_ptr<ReadAhead> reading;  // them; goes before the checkpoint
};

// Logs what the configuration says, what was inferred, what is ignored.
Result<OpenModel> open_model(const std::string& path);

// What a run needs; of `context` positions.
Result<llama4::MemoryPlan> plan_for(const OpenModel& open, const ModelOptions& options, llama4::MemoryWishes wishes,
                                    const kernels::Machine& machine);
// What a run of `context` positions needs that reads one row of logits a step, and those of `draft_tokens` guesses.
Result<llama4::MemoryPlan> plan_run(const OpenModel& open, const ModelOptions& options, int64_t context,
                                    const kernels::Machine& machine, int64_t draft_tokens = 0);
// The same where every row's logits are read.
Result<llama4::MemoryPlan> plan_scoring(const OpenModel& open, const ModelOptions& options, int64_t context,
                                        const kernels::Machine& machine);

// The adapter that the options name, whose bytes a plan then counts; null where they name none.
Result<std::shared_ptr<const llama4::Adapter>> load_adapter(const OpenModel& open, ModelOptions* options,
                                                            kernels::Machine* machine);

// Bytes that a run may take: the user's limit, or what is available. 0: unknown.
size_t memory_limit(const ModelOptions& options);

// "needs 1,890 bytes: weights 1,234, cache 567 (f16, 140 positions), scratch 89; the program holds 50 already; 4,096
// available; machine reference, 2 threads"
std::string plan_line(const llama4::MemoryPlan& plan, const ModelOptions& options, const kernels::Machine& machine);

// How products with each format of the model's weights run on the machine.
std::map<std::string, std::string> machine_paths(const OpenModel& open, const kernels::Machine& machine);

// The weights in memory (cli/loading.h) and bound to the machine. Refuses before it reads when the plan and `beside`
// bytes more do not fit. The open model and the machine must outlive the result.
Result<llama4::Model> load_planned(OpenModel* open, const ModelOptions& options, const llama4::MemoryPlan& plan,
                                   kernels::Machine* machine, size_t beside = 0);

}  // namespace paddock::cli
