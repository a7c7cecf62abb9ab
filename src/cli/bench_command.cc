// SPDX-License-Identifier: Apache-2.0
// paddock bench: how fast a model runs here, beside what the machine could do at most.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/bench_report.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/loading.h"
#include "cli/open_model.h"
#include "cli/profile.h"
#include "engine/speed.h"
#include "kernels/cpu/features.h"
#include "kernels/limits/limits.h"

namespace paddock::cli {
namespace {

constexpr const char* kBenchExamples = R"(Examples:
  paddock bench --machine-only                                      this machine's limits
  paddock bench model.gguf                                          a prompt of 512 tokens, an answer of 64
  paddock bench model.gguf --prefill 1,32,512,2048 --decode 64 --depth 0,4096 --streams 1,4,16 --json
  paddock bench model.gguf --prefill 512 --decode 64 --profile      where the time goes)";

struct BenchOptions {
  ModelOptions model;
  Verbosity verbosity;
  std::vector<int64_t> prefill = {512};
  std::vector<int64_t> decode = {64};
  std::vector<int64_t> depth = {0};
  std::vector<int64_t> streams = {1};
  std::vector<std::string> adapters;
  int runs = 5;
  bool machine_only = false;
  bool profile = false;
  bool json = false;
};

// Prompts are run alone: several at once are one longer prompt to the machine.
std::vector<engine::SpeedCase> cases_of(const BenchOptions& options) {
  std::vector<engine::SpeedCase> cases;
  for (const int64_t depth : options.depth) {
    for (const int64_t tokens : options.prefill)
      if (tokens > 0) cases.push_back({engine::Phase::kPrefill, tokens, depth, 1, options.model.prefill_batch});
    for (const int64_t streams : options.streams)
      for (const int64_t tokens : options.decode)
        if (tokens > 0) cases.push_back({engine::Phase::kDecode, tokens, depth, streams, options.model.prefill_batch});
  }
  if (options.adapters.empty()) return cases;
  std::vector<engine::SpeedCase> with_adapters;
  for (engine::SpeedCase each : cases) {
    with_adapters.push_back(each);
    each.adapters = 1;
    with_adapters.push_back(each);
    each.adapters = std::min(each.streams, static_cast<int64_t>(options.adapters.size()));
    if (each.adapters > 1) with_adapters.push_back(each);
  }
  return with_adapters;
}

// One after the other, the same folder as often as it is named.
Result<std::vector<std::shared_ptr<const llama4::Adapter>>> load_adapters(const std::vector<std::string>& folders,
                                                                          const OpenModel& open, ModelOptions* options,
                                                                          kernels::Machine* machine) {
  std::vector<std::shared_ptr<const llama4::Adapter>> adapters;
  size_t bytes = 0;
  for (const std::string& folder : folders) {
    options->adapter = folder;
    adapters.push_back(TRY(load_adapter(open, options, machine)));
    bytes += adapters.back()->bytes();
  }
  options->adapter_bytes = bytes;
  return adapters;
}

Result<void> check_cases(const std::vector<engine::SpeedCase>& cases, const OpenModel& open) {
  if (cases.empty())
    return error(ErrorCode::kInvalidArgument, "expected something to measure: --prefill or --decode above 0");
  for (const engine::SpeedCase& wanted : cases)
    if (wanted.depth + wanted.tokens > open.config.context)
      return error(ErrorCode::kInvalidArgument,
                   "--depth and --prefill or --decode: expected {} positions together at most, the context of {}, "
                   "found {} and {}",
                   open.config.context, open.path, wanted.depth, wanted.tokens);
  return {};
}

Result<void> print_head(const BenchOptions& options, const Bench& bench) {
  if (options.json) return {};
  TRY_VOID(print(limits_text(bench)));
  return options.machine_only ? Result<void>{} : print(run_head());
}

BenchRun run_case(const engine::SpeedCase& wanted, const BenchOptions& options, engine::SpeedTest* test,
                  Profile* profile) {
  Progress progress(case_name(wanted));
  engine::SpeedHooks hooks;
  hooks.observer = profile;
  if (profile != nullptr) {
    hooks.before_run = [profile] { profile->resume(); };
    hooks.after_run = [profile] { profile->pause(); };
  }
  hooks.progress = [&](int64_t done, int64_t total) { progress.show(done, total); };
  BenchRun run{test->run(wanted, options.runs, hooks), {}};
  if (profile != nullptr) run.profile = profile->take();
  return run;
}

Result<void> run_cases(const BenchOptions& options, Bench* bench, kernels::Machine* machine) {
  OpenModel open = TRY(open_model(options.model.model));
  const std::vector<engine::SpeedCase> cases = cases_of(options);
  TRY_VOID(check_cases(cases, open));
  bench->path = machine->name();
  bench->paths = machine_paths(open, *machine);
  TRY_VOID(print_head(options, *bench));

  kernels::ProfiledMachine profiled(machine);
  if (options.profile) machine = &profiled;
  ModelOptions model_options = options.model;
  auto adapters = TRY(load_adapters(options.adapters, open, &model_options, machine));
  const llama4::MemoryWishes wishes = engine::SpeedTest::wishes_for(cases, {.format = options.model.cache_format()});
  const llama4::MemoryPlan plan = TRY(plan_for(open, model_options, wishes, *machine));
  if (!options.verbosity.quiet) note_aside(plan_line(plan, model_options, *machine));
  const llama4::Model model = TRY(load_planned(&open, options.model, plan, machine));
  wait_for_weights(open.reading.get());
  const auto test = TRY(engine::SpeedTest::create(model, plan, std::move(adapters)));

  Profile profile(open.config, &profiled);
  for (const engine::SpeedCase& wanted : cases) {
    BenchRun run = run_case(wanted, options, test.get(), options.profile ? &profile : nullptr);
    if (!options.json) TRY_VOID(print(run_text(run, bench->limits)));
    bench->runs.push_back(std::move(run));
  }
  return {};
}

Result<void> bench(const BenchOptions& options) {
  options.verbosity.apply();
  if (options.machine_only == !options.model.model.empty())
    return error(ErrorCode::kInvalidArgument, "expected either MODEL or --machine-only");
  const auto machine = TRY(choose_machine(options.model));
  Bench bench;
  bench.machine = kernels::processor_name() + ": " + kernels::feature_names(kernels::cpu_features());
  bench.limits = TRY(kernels::measure_limits(machine->threads()));
  if (options.machine_only)
    TRY_VOID(print_head(options, bench));
  else
    TRY_VOID(run_cases(options, &bench, machine.get()));
  return options.json ? print(bench_json(bench).dump() + "\n") : Result<void>{};
}

}  // namespace

void add_bench_command(CLI::App& program, Action* chosen) {
  auto options = std::make_shared<BenchOptions>();
  CLI::App& command = *program.add_subcommand("bench", "how fast a model runs, beside this machine's limits");
  add_model_argument(command, &options->model.model, false);
  const auto add_list = [&](const char* name, std::vector<int64_t>* list, int64_t least, const char* help) {
    command.add_option(name, *list, help)
        ->delimiter(',')
        ->check(CLI::Range(least, int64_t{1} << 30))
        ->capture_default_str();
  };
  add_list("--prefill", &options->prefill, 0, "tokens of a prompt, computed in steps of --prefill-batch; 0: none");
  add_list("--decode", &options->decode, 0, "tokens of an answer; 0: none");
  add_list("--depth", &options->depth, 0, "tokens that are cached before");
  add_list("--streams", &options->streams, 1, "answers in one step");
  command
      .add_option("--adapter", options->adapters,
                  "folder of a PEFT adapter: each case is also run with the first of them, and with as many as there "
                  "are, in turn; repeat")
      ->allow_extra_args(false);
  command.add_option("--runs", options->runs, "timed runs of each; the median and the spread are told")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  command.add_flag("--machine-only", options->machine_only, "the limits alone, without a model");
  command.add_flag("--profile", options->profile, "the share of each operation and kind of layer");
  command.add_flag("--json", options->json, "print one JSON object");
  add_model_options(command, &options->model);
  add_verbosity(command, &options->verbosity);
  command.footer(kBenchExamples);
  command.callback([options, chosen] { *chosen = [options] { return bench(*options); }; });
}

}  // namespace paddock::cli
