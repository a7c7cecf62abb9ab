// SPDX-License-Identifier: Apache-2.0
#include "cli/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <map>
#include <string>

#include "base/check.h"
#include "base/log.h"
#include "kernels/choose.h"

namespace paddock::cli {
namespace {

struct CacheFormat {
  const char* name;
  tensor::DType keys, values;
};
constexpr CacheFormat kCacheFormats[] = {
    {"f32", tensor::DType::kF32, tensor::DType::kF32},    {"f16", tensor::DType::kF16, tensor::DType::kF16},
    {"bf16", tensor::DType::kBF16, tensor::DType::kBF16}, {"q8", tensor::DType::kQ8_0, tensor::DType::kQ8_0},
    {"q8q4", tensor::DType::kQ8_0, tensor::DType::kQ4_1}, {"q4", tensor::DType::kQ4_1, tensor::DType::kQ4_1}};

}  // namespace

tensor::KvFormat ModelOptions::cache_format() const {
  const auto* format = std::ranges::find_if(kCacheFormats, [&](const CacheFormat& each) { return each.name == cache; });
  CHECK(format != std::end(kCacheFormats));  // the option's own check has refused the rest
  return {format->keys, format->values};
}

void Verbosity::apply() const {
  log_to_stderr(quiet          ? LogLevel::kError
                : verbose >= 2 ? LogLevel::kDebug
                : verbose == 1 ? LogLevel::kInfo
                               : LogLevel::kWarning);
}

void add_model_argument(CLI::App& command, std::string* model, bool required) {
  auto* argument =
      command.add_option("MODEL", *model, "a GGUF file, the first of its splits, or a folder with safetensors");
  if (required) argument->required();
}

void add_machine_options(CLI::App& command, ModelOptions* options) {
  command.add_option("--machine", options->machine,
                     fmt::format("compute on this machine: auto or {}; otherwise the environment variable "
                                 "PADDOCK_MACHINE decides, otherwise the best is taken",
                                 fmt::join(kernels::available_machines(), ", ")));
  command.add_option("--threads", options->threads, "threads to compute on; 0: one for each processor")
      ->check(CLI::Range(0, 1024));
  command
      .add_option("--memory-limit", options->memory_limit,
                  "bytes that the plan may need, with K, M or G for powers of 1024; otherwise what is available")
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::Range(uint64_t{1}, UINT64_MAX));
}

void add_model_options(CLI::App& command, ModelOptions* options) {
  add_machine_options(command, options);
  std::vector<std::string> caches;
  for (const CacheFormat& format : kCacheFormats) caches.emplace_back(format.name);
  command
      .add_option("--cache", options->cache,
                  "format of cached keys and values: f32 is exact, f16 and bf16 take half the memory, q8 about a "
                  "quarter, q4 about a sixth but answers change; q8q4: keys q8, values q4")
      ->check(CLI::IsMember(caches))
      ->capture_default_str();
  command.add_option("--prefill-batch", options->prefill_batch, "tokens of a prompt that one step computes")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 20))
      ->capture_default_str();
  command.add_flag(
      "--exact", options->exact,
      "keep activations in float32; otherwise products with quantised weights round them, which is faster");
  command
      .add_option(
          "--load", options->load,
          "map: use weights where the file is mapped, reading ahead what is not in memory; read: into memory of "
          "its own; lock: mapped, and never given up by the system")
      ->transform(CLI::Transformer(std::map<std::string, LoadMode>{
          {"map", LoadMode::kMap}, {"read", LoadMode::kRead}, {"lock", LoadMode::kLock}}))
      ->option_text("map, read or lock [map]");
}

void add_speculate_option(CLI::App& command, int64_t* draft_tokens) {
  command
      .add_option("--speculate", *draft_tokens,
                  "tokens at most that a step guesses from what prompt and answer said before, and checks: the same "
                  "answer, sooner where it repeats; 0: none")
      ->check(CLI::Range(int64_t{0}, int64_t{256}))
      ->capture_default_str();
}

void add_adapter_option(CLI::App& command, ModelOptions* options) {
  command.add_option(
      "--adapter", options->adapter,
      "folder of a PEFT adapter (adapter_config.json, adapter_model.safetensors) that changes the model");
}

void add_verbosity(CLI::App& command, Verbosity* verbosity) {
  command.add_flag("-v,--verbose", verbosity->verbose, "tell what was chosen and inferred; twice: everything");
  command.add_flag("-q,--quiet", verbosity->quiet, "tell errors only");
}

Result<std::unique_ptr<kernels::Machine>> choose_machine(const ModelOptions& options) {
  std::string name = options.machine;
  std::string chosen_by = "--machine";
  if (const char* environment = std::getenv("PADDOCK_MACHINE"); name.empty() && environment != nullptr) {
    name = environment;
    chosen_by = "PADDOCK_MACHINE";
  }
  auto machine = kernels::make_machine(name, options.threads, options.exact);
  if (!machine) return error(machine.error().code, "{} (from {})", machine.error().message, chosen_by);
  log_info("machine {} on {} threads, {}", (*machine)->name(), (*machine)->threads(),
           name.empty() || name == "auto" ? "the best of this processor" : "chosen by " + chosen_by);
  return machine;
}

}  // namespace paddock::cli
