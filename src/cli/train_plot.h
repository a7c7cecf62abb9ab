// SPDX-License-Identifier: Apache-2.0
#pragma once
// paddock train plot

#include "cli/commands.h"

namespace paddock::cli {

void add_train_plot(CLI::App& train, Action* chosen);

}  // namespace paddock::cli
