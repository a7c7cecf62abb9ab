// SPDX-License-Identifier: Apache-2.0
// paddock train: what is done to weights.

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/train_gradients.h"
#include "cli/train_job.h"
#include "cli/train_plot.h"

namespace paddock::cli {

void add_train_command(CLI::App& program, Action* chosen) {
  CLI::App& command = *program.add_subcommand("train", "teach a model, or look at what a batch would teach it");
  add_train_job(command, chosen);
  add_train_gradients(command, chosen);
  add_train_plot(command, chosen);
}

}  // namespace paddock::cli
