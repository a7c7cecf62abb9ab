// SPDX-License-Identifier: Apache-2.0
// paddock train: what is done to weights.

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/train_gradients.h"

namespace paddock::cli {

void add_train_command(CLI::App& program, Action* chosen) {
  CLI::App& command = *program.add_subcommand("train", "losses and gradients of a model");
  command.require_subcommand(1);
  add_train_gradients(command, chosen);
}

}  // namespace paddock::cli
