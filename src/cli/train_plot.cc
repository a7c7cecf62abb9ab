// SPDX-License-Identifier: Apache-2.0
// paddock train plot: a job's log as a picture.

#include "cli/train_plot.h"

#include <CLI/CLI.hpp>
#include <filesystem>

#include "base/new_file.h"
#include "cli/console.h"
#include "train/jobs/curves.h"

namespace paddock::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPlotExamples = R"(Examples:
  paddock train plot runs/tuned
  paddock train plot runs/tuned/log.jsonl --out curves.svg

Draws losses, gradient norm, learning rate, speed and the use of experts over the steps, as SVG: any browser shows it.)";

struct PlotOptions {
  std::string job, out;
};

Result<void> plot(const PlotOptions& options) {
  const fs::path log = fs::is_directory(options.job) ? fs::path(options.job) / "log.jsonl" : fs::path(options.job);
  const fs::path out = options.out.empty() ? log.parent_path() / "curves.svg" : fs::path(options.out);
  const auto panels = TRY(train::read_curves(log));
  NewFile file = TRY(NewFile::create(out));
  TRY_VOID(file.write(train::svg_of(fs::absolute(log).parent_path().filename().string(), "step", panels)));
  TRY_VOID(file.commit());
  return print(out.string() + "\n");
}

}  // namespace

void add_train_plot(CLI::App& train, Action* chosen) {
  auto options = std::make_shared<PlotOptions>();
  CLI::App& command = *train.add_subcommand("plot", "a job's log as a picture");
  command.add_option("JOB", options->job, "the folder of a job, or its log.jsonl")->required();
  command.add_option("--out", options->out, "the picture; curves.svg beside the log where it is not said");
  command.footer(kPlotExamples);
  command.callback([options, chosen] { *chosen = [options] { return plot(*options); }; });
}

}  // namespace paddock::cli
