// SPDX-License-Identifier: Apache-2.0
// paddock inspect: what a checkpoint is and what it needs, from its headers alone.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/inspect_image.h"
#include "cli/inspect_report.h"
#include "cli/user_folders.h"

namespace paddock::cli {
namespace {

constexpr const char* kInspectExamples = R"(Examples:
  paddock inspect model.gguf
  paddock inspect folder/ --image photo.jpg --tiles look
  paddock inspect folder/ --context 1000000 --cache f16 --json
)";

constexpr int64_t kDefaultContext = 8192;

struct InspectOptions {
  ModelOptions model;
  Verbosity verbosity;
  std::optional<int64_t> context;
  std::vector<std::string> images;
  std::string tiles = "tiles";  // folder
  bool json = false;
};

Result<void> inspect_images(const InspectOptions& options, const OpenModel& open) {
  if (!open.vision)
    return error(ErrorCode::kUnsupported, "{}: expected a model that sees pictures, found one that reads text alone",
                 open.path);
  Json all = Json::array();
  for (const std::string& path : options.images) {
    const InspectedImage image = TRY(inspect_image(path, *open.vision, options.model.vision));
    const std::filesystem::path folder = user_path(options.tiles) / std::filesystem::path(path).filename();
    TRY_VOID(write_tiles(image, folder));
    if (options.json)
      all.push_back(image_json(image, folder));
    else
      TRY_VOID(print(image_text(image, folder)));
  }
  return options.json ? print(all.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n") : Result<void>();
}

Result<void> inspect(const InspectOptions& options) {
  options.verbosity.apply();
  const auto machine = TRY(choose_machine(options.model));
  OpenModel open = TRY(open_model(options.model.model));
  open.vision = TRY(open_vision(open, options.model.vision));
  if (!options.images.empty()) return inspect_images(options, open);
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
  auto* image = command
                    .add_option("--image", options->images,
                                "tell what the model sees of this picture instead, and write its tiles; repeat")
                    ->allow_extra_args(false);
  command.add_option("--tiles", options->tiles, "folder for the tiles, as PNG, of each picture in one of its own")
      ->needs(image)
      ->capture_default_str();
  command.add_flag("--json", options->json, "print one JSON object");
  add_model_options(command, &options->model);
  add_vision_options(command, &options->model.vision);
  add_verbosity(command, &options->verbosity);
  command.footer(kInspectExamples);
  command.callback([options, chosen] { *chosen = [options] { return inspect(*options); }; });
}

}  // namespace paddock::cli
