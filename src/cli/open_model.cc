// SPDX-License-Identifier: Apache-2.0
#include "cli/open_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/log.h"
#include "cli/console.h"
#include "cli/loading.h"

namespace paddock::cli {
namespace {

constexpr size_t kGenerationConfigLimit = size_t{16} << 20;  // bytes
constexpr int64_t kScoredRows = 64;                          // of a step whose logits are all read

// Of safetensors: a GGUF file may lie among strangers.
Result<engine::GenerationConfig> read_generation_config(const checkpoint::Checkpoint& checkpoint) {
  const std::filesystem::path path = checkpoint.folder() / "generation_config.json";
  std::error_code ignored;
  if (checkpoint.format() == checkpoint::Format::kGguf || !std::filesystem::exists(path, ignored))
    return engine::GenerationConfig();
  const std::string text = TRY(read_text_file(path, kGenerationConfigLimit));
  const Json json = TRY(parse_json(text, path.string()));
  return engine::generation_config_from_json(json, path.string());
}

std::vector<int32_t> all_stop_tokens(const OpenModel& open) {
  std::vector<int32_t> stops = open.config.stop_tokens;
  stops.insert(stops.end(), open.generation.stop_tokens.begin(), open.generation.stop_tokens.end());
  if (open.text.tokenizer)
    stops.insert(stops.end(), open.text.tokenizer->stop().begin(), open.text.tokenizer->stop().end());
  std::sort(stops.begin(), stops.end());
  stops.erase(std::unique(stops.begin(), stops.end()), stops.end());
  return stops;
}

// Behind the weights' bytes.
const char* name_of(LoadMode mode) {
  return mode == LoadMode::kRead ? " (read)" : mode == LoadMode::kLock ? " (locked)" : "";
}

void log_report(const OpenModel& open) {
  for (const llama4::ConfigNote& note : open.report.read) log_info("read {} = {}", note.key, note.text);
  for (const llama4::ConfigNote& note : open.report.inferred) log_info("inferred {} = {}", note.key, note.text);
  for (const llama4::ConfigNote& note : open.report.ignored) log_info("ignored {}: {}", note.key, note.text);
  for (const std::string& key : open.generation.ignored) log_info("ignored {} of generation_config.json", key);
  log_info("tokenizer: {}", open.text.tokenizer ? open.text.tokenizer_source : "none");
  log_info("tokens that end an answer: {}", fmt::join(open.stop_tokens, ", "));
}

Result<llama4::MemoryPlan> plan_steps(const OpenModel& open, const ModelOptions& options, int64_t context,
                                      const llama4::StepLimits& limits, const kernels::Machine& machine) {
  llama4::MemoryWishes wishes;
  wishes.context = context;
  wishes.limits = limits;
  wishes.cache.format = options.cache_format();
  return plan_for(open, options, wishes, machine);
}

}  // namespace

Result<OpenModel> open_model(const std::string& path) {
  auto checkpoint = TRY(checkpoint::Checkpoint::open(path));
  auto [config, report] = TRY(llama4::read_config(checkpoint));
  auto totals = TRY(llama4::load_weights(checkpoint, config, nullptr)).totals;
  ModelText text = TRY(read_model_text(checkpoint));
  TRY_VOID(check_vocabulary_size(text, config.vocabulary));
  engine::GenerationConfig generation = TRY(read_generation_config(checkpoint));
  OpenModel open{std::move(checkpoint),
                 path,
                 std::move(config),
                 std::move(report),
                 std::move(totals),
                 std::move(text),
                 std::move(generation),
                 {},
                 {}};
  open.stop_tokens = all_stop_tokens(open);
  log_report(open);
  return open;
}

Result<llama4::MemoryPlan> plan_for(const OpenModel& open, const ModelOptions& options, llama4::MemoryWishes wishes,
                                    const kernels::Machine& machine) {
  wishes.weight_bytes = loaded_bytes(open.totals, options.load);
  wishes.adapter_bytes = options.adapter_bytes;
  if (open.vision) wishes.vision_bytes = vision_bytes(*open.vision, options.vision, machine);
  return llama4::plan_memory(open.config, open.totals, wishes, machine);
}

Result<llama4::MemoryPlan> plan_run(const OpenModel& open, const ModelOptions& options, int64_t context,
                                    const kernels::Machine& machine, int64_t draft_tokens) {
  return plan_steps(open, options, context, {.tokens = options.prefill_batch, .logits = 1 + draft_tokens}, machine);
}

Result<llama4::MemoryPlan> plan_scoring(const OpenModel& open, const ModelOptions& options, int64_t context,
                                        const kernels::Machine& machine) {
  const int64_t rows = std::min(options.prefill_batch, kScoredRows);
  return plan_steps(open, options, context, {.tokens = rows, .logits = rows}, machine);
}

Result<std::shared_ptr<const llama4::Adapter>> load_adapter(const OpenModel& open, ModelOptions* options,
                                                            kernels::Machine* machine) {
  if (options->adapter.empty()) return nullptr;
  const size_t limit = memory_limit(*options);
  auto memory = std::make_shared<llama4::AdapterMemory>(limit > 0 ? limit : SIZE_MAX / 2);
  auto adapter = TRY(llama4::Adapter::load(options->adapter, open.config, machine, std::move(memory)));
  options->adapter_bytes = adapter->bytes();
  return adapter;
}

size_t memory_limit(const ModelOptions& options) {
  return options.memory_limit ? static_cast<size_t>(*options.memory_limit) : llama4::available_memory();
}

std::string plan_line(const llama4::MemoryPlan& plan, const ModelOptions& options, const kernels::Machine& machine) {
  return fmt::format(
      "needs {} bytes: weights {}{}, cache {} ({}, {} positions), scratch {}{}{}; the program holds {} already; {} "
      "available; machine {}, {} threads",
      grouped(plan.total_bytes()), grouped(plan.weight_bytes), name_of(options.load), grouped(plan.cache_bytes),
      options.cache, grouped(static_cast<uint64_t>(plan.context)), grouped(plan.scratch_bytes),
      plan.vision_bytes > 0 ? ", pictures " + grouped(plan.vision_bytes) : "",
      plan.adapter_bytes > 0 ? ", adapters " + grouped(plan.adapter_bytes) : "", grouped(plan.program_bytes),
      grouped(memory_limit(options)), machine.name(), machine.threads());
}

std::map<std::string, std::string> machine_paths(const OpenModel& open, const kernels::Machine& machine) {
  std::map<std::string, std::string> paths;
  for (const checkpoint::NamedTensor& tensor : open.checkpoint.tensors())
    if (const std::string dtype(tensor::name(tensor.view.dtype)); open.totals.bytes_by_dtype.contains(dtype))
      paths.try_emplace(dtype, machine.path_of(tensor.view.dtype));
  return paths;
}

Result<llama4::Model> load_planned(OpenModel* open, const ModelOptions& options, const llama4::MemoryPlan& plan,
                                   kernels::Machine* machine, size_t beside) {
  const size_t limit = memory_limit(options);
  TRY_VOID(llama4::require_fit(plan, limit));
  if (limit > 0 && beside > limit - plan.total_bytes())
    return error(ErrorCode::kOutOfMemory,
                 "the results need {} bytes beside the model's {}, expected at most the {} that are available; choose "
                 "fewer of them with --rows",
                 beside, plan.total_bytes(), limit);
  for (const auto& [dtype, path] : machine_paths(*open, *machine))
    log_info("{} bytes of {} weights: {}", open->totals.bytes_by_dtype.at(dtype), dtype, path);
  if (!std::exchange(open->is_loaded, true)) {
    // More than the memory holds would push out what was read before.
    const size_t available = llama4::available_memory();
    const bool fits = available == 0 || plan.total_bytes() <= available;
    open->reading = TRY(bring_in_weights(open->totals, options.load, fits));
  }
  return llama4::load_model(open->checkpoint, open->config, machine);
}

}  // namespace paddock::cli
