// SPDX-License-Identifier: Apache-2.0
// paddock inspect: what a checkpoint is and what it needs, from its headers alone.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/inspect_report.h"

namespace paddock::cli {
namespace {

constexpr const char* kInspectExamples = R"(Examples:
  paddock inspect model.gguf
  paddock inspect folder/ --context 1000000 --cache f16 --json
)";

constexpr int64_t kDefaultContext = 8192;

struct InspectOptions {
  ModelOptions model;
  Verbosity verbosity;
  std::optional<int64_t> context;
  bool json = false;
};

Result<void> inspect(const InspectOptions& options) {
  options.verbosity.apply();
  const auto machine = TRY(choose_machine(options.model));
  const OpenModel open = TRY(open_model(options.model.model));
  const int64_t context = options.context.value_or(std::min(kDefaultContext, open.config.context));
  const llama4::MemoryPlan plan = TRY(plan_run(open, options.model, context, *machine));
  const Inspection inspection{open, plan, *machine, memory_limit(options.model)};
  if (!options.json) return print(inspection_text(inspection));
  return print(inspection_json(inspection).dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
}

}  // namespace

void add_inspect_command(CLI::App& program, Action* chosen) {
  auto options = std::make_shared<InspectOptions>();
  CLI::App& command = *program.add_subcommand("inspect", "what a checkpoint is and what it needs");
  add_model_argument(command, &options->model.model);
  command
      .add_option(
          "--context", options->context,
          fmt::format("positions that the memory plan is for; otherwise {} or the checkpoint's limit, whichever "
                      "is smaller",
                      kDefaultContext))
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 40));
  command.add_flag("--json", options->json, "print one JSON object");
  add_model_options(command, &options->model);
  add_verbosity(command, &options->verbosity);
  command.footer(kInspectExamples);
  command.callback([options, chosen] { *chosen = [options] { return inspect(*options); }; });
}

}  // namespace paddock::cli
