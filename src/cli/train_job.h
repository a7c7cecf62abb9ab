// SPDX-License-Identifier: Apache-2.0
#pragma once
// paddock train RECIPE

#include "cli/commands.h"

namespace paddock::cli {

// Arguments of the command itself, beside its subcommands.
void add_train_job(CLI::App& train, Action* chosen);

}  // namespace paddock::cli
